"""The proxy's side: one decoder a message, and their table."""

from emit import HEADER
from emit_shim import count
from model import (FIXED, HANDLE, IMAGE, INS, NULL, OUTS, PACK, PIXELS, POINTERS, SCALAR, STRING, STRINGS, TEXT,
                   UNPACK, VALUE, Call, Field)


def scalar(field: Field) -> str:
    """A local of the parameter's own type and name, so that sizes read the same at both ends."""
    p = field.param
    if field.mode == FIXED:
        return f"\tconst {p.base} *{p.name} = msg->{p.name};"
    if field.mode == HANDLE:
        return f"\t{p.base} {p.name} = exec_handle(exec, msg->{p.name});"
    if field.mode == NULL:
        return f"\t{p.ctype} {p.name} = NULL;"
    if field.mode == VALUE:
        return f"\t{p.ctype} {p.name} = ({p.ctype})(uintptr_t)msg->{p.name};"
    return f"\t{p.base} {p.name} = msg->{p.name};"


def data(field: Field) -> str:
    """A local pointer to checked data."""
    p, size = field.param, field.size
    if field.mode in (PIXELS, IMAGE):
        store = "unpack" if field.mode == PIXELS else "pack"
        size = f"wire_layout(&st->{store}, {size}).size"
    verb = "in" if field.mode in INS else "out"
    if field.mode == STRINGS:
        got = f"exec_strings(exec, &msg->{p.name}, {field.size.split(',')[0]})"
    elif field.mode == TEXT:
        got = f"exec_text(exec, &msg->{p.name}, {size})"
    elif field.mode == POINTERS:
        got = f"exec_in(exec, &msg->{p.name}, wire_bytes({size}, sizeof(void *)))"
    elif field.mode == STRING:
        got = f"exec_string(exec, &msg->{p.name})"
    elif field.binding:
        got = f"exec_{verb}_or_offset(exec, &msg->{p.name}, {field.binding}, {size})"
    else:
        got = f"exec_{verb}(exec, &msg->{p.name}, {size})"
    return f"\t{p.ctype} {p.name} = {got};".replace("* ", "*")


def translate(field: Field, call: Call) -> list[str]:
    """The program's names become the driver's."""
    if not field.cls or field is call.made or field is call.dropped:
        return []
    p = field.param
    if field.mode == SCALAR:
        return [f"\t{p.name} = exec_name(exec, NAMES_{field.cls}, {p.name});"]
    if field.mode in INS:
        return [f"\texec_names(exec, NAMES_{field.cls}, {count(field)}, {p.name});"]
    return []


def guarded(call: Call) -> bool:
    """An image is brought to the program only when the call made no error."""
    return call.command.ret == "void" and any(f.mode in (IMAGE, PACK) for f in call.outs)


def invoke(call: Call) -> list[str]:
    """The call itself."""
    silent = guarded(call)
    target = f"proxy_{call.name}" if call.has("exec") else f"exec->driver->{call.name[2:]}"
    args = ", ".join(f.name for f in call.fields)
    if call.has("exec"):
        args = f"exec, {args}" if args else "exec"
    if call.made:
        cls, n, name = call.made.cls, count(call.made), call.made.name
        args = ", ".join("made" if f is call.made else f.name for f in call.fields)
        return [f"\tGLuint *made = exec_scratch(exec, {n});",
                "\tif (!made)\n\t\treturn;",
                f"\t{target}({args});",
                f"\texec_names_made(exec, NAMES_{cls}, {n}, {name}, made);"]
    if call.dropped:
        cls, n, name = call.dropped.cls, count(call.dropped), call.dropped.name
        args = ", ".join("gone" if f is call.dropped else f.name for f in call.fields)
        if call.has("exec"):
            args = f"exec, {args}"
        return [f"\tGLuint *gone = exec_scratch(exec, {n});",
                "\tif (!gone)\n\t\treturn;",
                f"\texec_names_copy(exec, NAMES_{cls}, {n}, {name}, gone);",
                f"\t{target}({args});",
                f"\texec_names_dropped(exec, NAMES_{cls}, {n}, {name});"]
    if call.command.ret == "void":
        before = ["\texec_errors_take(exec);"] if silent else []
        return before + [f"\t{target}({args});"]
    cast = "(uintptr_t)" if "*" in call.command.ret or call.command.ret == "GLsync" else ""
    return [f"\tconst uint64_t answer = (uint64_t){cast}{target}({args});"]


def back(call: Call) -> list[str]:
    """Names that the driver returned become the program's."""
    lines = []
    if "back" in call.rule.values:
        field = call.outs[-1]
        lines.append(f"\texec_name_back(exec, {call.rule.values['back']}, {field.name}, {field.element});")
    for field in call.outs:
        if field.cls and field is not call.made:
            lines.append(f"\texec_names_back(exec, NAMES_{field.cls}, {count(field)}, {field.name});")
    if "make" in call.rule.values:
        lines.append(f"\texec_name_made(exec, NAMES_{call.rule.values['make']}, msg->made, (GLuint)answer);")
    if guarded(call):
        lines.append("\texec_reply(exec, exec_errors_since(exec));")
    elif not call.made and call.waits:
        lines.append("\texec_reply(exec, " + ("answer" if call.command.ret != "void" else "!exec->refused") + ");")
    return lines


def function(call: Call) -> str:
    fields = call.fields
    lines = []
    if fields or "make" in call.rule.values:
        lines.append(f"\tconst struct wire_{call.name} *msg = bytes;")
    bodies = [scalar(f) for f in fields if not (f.mode in INS or f.mode in OUTS)]
    # An array of new names comes in, although the call writes it.
    pointers = [f for f in fields if f.mode in INS or f.mode in OUTS]
    for field in pointers:
        text = data(field)
        if field is call.made:
            text = f"\tconst GLuint *{field.name} = exec_in(exec, &msg->{field.name}, {field.size});"
        bodies.append(text)
    text = "\n".join(bodies)
    if "st->" in text or "(st," in text or "(st)" in text or call.has("track"):
        lines.append("\tstruct wire_state *st = &exec->state;")
    lines += bodies
    if pointers:
        lines.append("\tif (exec->failed)\n\t\treturn;")
    if call.has("track"):
        args = "".join(f", {f.name}" for f in fields)
        lines.append(f"\twire_track_{call.name}(st{args});")
    for field in fields:
        lines += translate(field, call)
    lines += invoke(call) + back(call)
    return f"static void decode_{call.name}(struct exec *exec, const void *bytes)\n{{\n" + "\n".join(lines) + "\n}\n"


def header(calls: list[Call]) -> str:
    """hand.h: prototypes of the executions written by hand."""
    lines = []
    for call in calls:
        if call.has("exec"):
            args = call.command.declaration
            args = "struct exec *exec" + ("" if args == "void" else f", {args}")
            lines.append(f"{call.command.ret} proxy_{call.name}({args});")
    return (f"{HEADER}#ifndef PROXY_HAND_H\n#define PROXY_HAND_H\n\n"
            '#include "glproxy/exec.h"\n\n' + "\n".join(lines) + "\n\n#endif\n")


def duties(call: Call) -> str:
    """What is to be done besides the call (enum exec_duty)."""
    words = [word for word in ("sees", "aims", "recalls", "list", "vertex") if call.has(word)]
    if any(f.mode in (PIXELS, UNPACK) for f in call.ins):
        words.append("unpacks")
    return " | ".join(f"EXEC_{word.upper()}" for word in words) or "0"


def places(call: Call) -> str:
    """Where the message says what lies where."""
    offsets = [f"offsetof(struct wire_{call.name}, {f.name})" for f in call.ins]
    return f"(const uint16_t[]){{{len(offsets)}, {', '.join(offsets)}}}" if offsets else "no_data"


def row(call: Call) -> str:
    return (f"\t[WIRE_{call.name}] = {{decode_{call.name}, sizeof(struct wire_{call.name}), "
            f"{duties(call)},\n\t\t{places(call)}}},")


def source(calls: list[Call]) -> str:
    text = (f'{HEADER}#include "glproxy/exec.h"\n#include "hand.h"\n#include "driver_table.h"\n'
            '#include "messages.h"\n#include "wire/pixel.h"\n#include "wire/size.h"\n\n#include <stddef.h>\n\n')
    text += "\n".join(function(c) for c in calls)
    rows = "\n".join(row(c) for c in calls)
    return text + f"\nstatic const uint16_t no_data[] = {{0}};\n\n" \
        f"const struct exec_entry exec_entries[WIRE_OPCODES] = {{\n{rows}\n}};\n"
