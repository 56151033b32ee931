"""C text common to both ends: the messages, the driver's table."""

from model import FIXED, HANDLE, INS, NULL, OUTS, VALUE, Call

HEADER = "/* Made by wire/generate from the Khronos registry and wire/policy.txt. Do not edit. */\n"


def member(field) -> str:
    """One member of a message."""
    if field.mode in INS or field.mode in OUTS:
        return f"\tstruct wire_data {field.name};"
    if field.mode in (HANDLE, VALUE):
        return f"\tuint64_t {field.name};"
    if field.mode == FIXED:
        return f"\t{field.param.base} {field.name}[{field.size}];"
    return f"\t{field.param.base} {field.name};"


def message(call: Call) -> str:
    lines = [f"struct wire_{call.name} {{", "\tstruct wire_head head;"]
    if "make" in call.rule.values:
        lines.append("\tGLuint made;")
    lines += [member(f) for f in call.fields if f.mode != NULL]
    return "\n".join(lines + ["};"]) + "\n"


def messages(calls: list[Call]) -> str:
    """messages.h: opcodes and the fixed part of every message."""
    last = max(c.opcode for c in calls) + 1
    opcodes = "\n".join(f"\tWIRE_{c.name} = {c.opcode}," for c in sorted(calls, key=lambda c: c.opcode))
    bodies = "\n".join(message(c) for c in calls)
    return (f"{HEADER}#ifndef WIRE_MESSAGES_H\n#define WIRE_MESSAGES_H\n\n"
            '#include "wire/gltypes.h"\n#include "wire/message.h"\n\n'
            f"enum wire_opcode {{\n{opcodes}\n\tWIRE_OPCODES = {last},\n}};\n\n{bodies}\n#endif\n")


def names_text(calls: list[Call], hidden: list[Call]) -> str:
    """What each opcode is called, for logs."""
    rows = "\n".join(f'\t[WIRE_{c.name}] = "{c.name}",' for c in calls)
    return (f'{HEADER}#include "wire/names.h"\n\n#include "messages.h"\n\n'
            f"static const char *const names[WIRE_OPCODES] = {{\n{rows}\n}};\n\n"
            "const char *wire_opcode_name(unsigned opcode)\n{\n"
            '\treturn opcode < WIRE_OPCODES && names[opcode] ? names[opcode] : "unknown";\n}\n')


def driver(calls: list[Call]) -> str:
    """driver_table.h: one pointer a call of the driver, and the list to fill them from."""
    gl = [c for c in calls if not c.own and not c.has("hide")]
    members = "\n".join(
        f"\t{c.command.ret} (*{c.name[2:]})({c.command.declaration});" for c in gl)
    rows = "\n".join(f'\t{{"{c.name}", offsetof(struct driver, {c.name[2:]})}},' for c in gl)
    return (f"{HEADER}#ifndef DRIVER_TABLE_H\n#define DRIVER_TABLE_H\n\n"
            '#include "wire/gltypes.h"\n\n#include <stddef.h>\n\n'
            f"struct driver {{\n{members}\n}};\n\n"
            "struct driver_entry {\n\tconst char *name;\n\tsize_t offset;\n};\n\n"
            f"#define DRIVER_ENTRIES \\\n" + rows.replace("\n", " \\\n") + "\n\n#endif\n")


def track(calls: list[Call]) -> str:
    """track_calls.h: prototypes of what both ends note in the shared state."""
    lines = []
    for call in calls:
        if call.has("track"):
            args = "" if call.command.declaration == "void" else f", {call.command.declaration}"
            lines.append(f"void wire_track_{call.name}(struct wire_state *st{args});")
    return (f"{HEADER}#ifndef TRACK_CALLS_H\n#define TRACK_CALLS_H\n\n"
            "struct wire_state;\n\n" + "\n".join(lines) + "\n\n#endif\n")


def extensions(names: list[str]) -> str:
    """extensions.c: what is offered, sorted for a binary search."""
    rows = "\n".join(f'\t"{name}",' for name in sorted(names))
    return (f'{HEADER}#include "wire/extensions.h"\n\n#include <stddef.h>\n\n'
            f"const char *const wire_extensions[] = {{\n{rows}\n}};\n"
            "const size_t wire_extension_count = sizeof(wire_extensions) / sizeof(wire_extensions[0]);\n")
