"""The shim's side: one entry point a call, and the table of all names."""

from emit import HEADER
from model import (AT, FIXED, HANDLE, IMAGE, IN, INS, NULL, OUT, OUTAT, OUTS, PACK, PIXELS, POINTERS,
                   STRING, STRINGS, TEXT, UNPACK, VALUE, Call, Field)

# Names that contexts share: their calls are kept in order with those of the other contexts.
SHARED = ("texture", "buffer", "renderbuffer", "sampler", "program", "arb_program")
BY_BINDING = (PIXELS, UNPACK, AT, IMAGE, PACK, OUTAT)


def measure(field: Field) -> list[str]:
    """Declares n_NAME, the bytes that travel, and l_NAME, the layout of an image."""
    name, size = field.name, field.size
    lines = []
    if field.mode in (PIXELS, IMAGE):
        store = "unpack" if field.mode == PIXELS else "pack"
        lines.append(f"\tconst struct wire_layout l_{name} = wire_layout(&st->{store}, {size});")
        size = f"l_{name}.size"
    elif field.mode == STRING:
        size = f"strlen((const char *){name}) + 1"
    elif field.mode == TEXT:
        size = f"wire_text({name}, {size})"
    elif field.mode == STRINGS:
        number, lengths = field.size.split(",")
        size = f"shim_strings_size({number}, (const char *const *){name}, {lengths})"
    elif field.mode == POINTERS:
        size = f"wire_bytes({size}, sizeof(void *))"
    if field.mode == IMAGE:
        return lines
    there = f"{name} && !{field.binding}" if field.mode in BY_BINDING else name
    lines.append(f"\tconst size_t n_{name} = {there} ? {size} : 0;")
    return lines


def put(field: Field) -> str:
    """The expression that places a piece of data and says where it is."""
    name = field.name
    if field.mode == STRINGS:
        number, lengths = field.size.split(",")
        return f"shim_in_strings(&place, {number}, (const char *const *){name}, {lengths}, n_{name})"
    if field.mode in (IN, STRING, TEXT, POINTERS):
        return f"shim_in(&place, {name}, n_{name})"
    if field.mode == OUT:
        return f"shim_out(&place, {name}, n_{name})"
    verb = "in" if field.mode in INS else "out"
    if field.mode in (PIXELS, IMAGE):
        return f"shim_{verb}_image(&place, {name}, &l_{name}, {field.binding})"
    return f"shim_{verb}_or_offset(&place, {name}, n_{name}, {field.binding})"


def fill(field: Field, call: Call) -> list[str]:
    """Assigns one member of the message."""
    name = field.name
    if field.mode == NULL:
        return []
    if field.mode in OUTS and field is not call.made:
        return [f"\tconst struct wire_data o_{name} = {put(field)};", f"\tmsg->{name} = o_{name};"]
    if call.made is field:
        return [f"\tmsg->{name} = shim_in(&place, {name}, n_{name});"]
    if field.mode in INS:
        return [f"\tmsg->{name} = {put(field)};"]
    if field.mode == FIXED:
        return [f"\tmemcpy(msg->{name}, {name}, sizeof(msg->{name}));"]
    if field.mode in (HANDLE, VALUE):
        return [f"\tmsg->{name} = (uint64_t)(uintptr_t){name};"]
    return [f"\tmsg->{name} = {name};"]


def fetch(field: Field) -> str:
    name = field.name
    if field.mode == IMAGE:
        return f"\tshim_fetch_image(self, {name}, &o_{name}, &l_{name});"
    return f"\tshim_fetch(self, {name}, &o_{name});"


def names_before(call: Call) -> list[str]:
    """Names given out, or brought by the program, before anything is sent."""
    lines = []
    if call.made:
        lines.append(f"\tshim_names_make(self, NAMES_{call.made.cls}, {count(call.made)}, {call.made.name});")
    if "make" in call.rule.values:
        lines.append(f"\tconst GLuint made = shim_name_make(self, NAMES_{call.rule.values['make']});")
    if "adopt" in call.rule.values:
        field = next(f for f in call.fields if f.name == call.rule.values["adopt"])
        lines.append(f"\tshim_name_adopt(self, NAMES_{field.cls}, {field.name});")
    return lines


def buffers_named(call: Call) -> list[str]:
    """Tells of buffers that may be written from now on (shadow.h)."""
    if call.own or call.has("reads") or call.made or call.dropped:
        return []
    target = "target" if call.name.startswith("glBindBuffer") else "0"
    lines = []
    for field in call.fields:
        if field.cls == "buffer" and field.mode not in OUTS:
            many = field.param.is_pointer
            number, names = (count(field), field.name) if many else ("1", f"&{field.name}")
            lines.append(f"\tshim_buffers_named(self, {target}, {number}, {names});")
    return lines


def count(field: Field) -> str:
    """The number of elements, as said by the registry."""
    return field.size.removeprefix("wire_bytes(").rsplit(",", 1)[0]


def body(call: Call) -> list[str]:
    """The statements that send a call and, where it waits, bring back what it returns."""
    ins = [f for f in call.fields if f.mode in INS or f is call.made]
    outs = [f for f in call.outs if f is not call.made]
    lines = ["\tstruct shim_context *self = shim_current;"]
    text = " ".join(f.size + f.binding for f in call.fields)
    if "st->" in text or "(st," in text or "(st)" in text or call.has("track"):
        lines.append("\tstruct wire_state *st = &self->state;")
    if any(f.cls in SHARED or f.mode == HANDLE for f in call.fields):
        lines.append("\tshim_order(self);")
    lines += names_before(call) + buffers_named(call)
    if "calm" in call.rule.values:
        lines.append("\tconst uint64_t before = self->position;")
    for field in ins + outs:
        lines += measure(field)
    if call.has("track"):
        args = "".join(f", {f.name}" for f in call.fields)
        lines.append(f"\twire_track_{call.name}(st{args});")
    if ins or outs:
        total = " + ".join(f"wire_align(n_{f.name})" for f in ins) or "0"
        lines += ["\tstruct shim_data place;",
                  f"\tstruct wire_{call.name} *msg = shim_put_data(&place, self, WIRE_{call.name}, sizeof(*msg), {total});"]
    elif call.fields or "make" in call.rule.values:
        lines.append(f"\tstruct wire_{call.name} *msg = shim_put(self, WIRE_{call.name}, sizeof(*msg));")
    else:
        lines.append(f"\tshim_put(self, WIRE_{call.name}, sizeof(struct wire_{call.name}));")
    if "make" in call.rule.values:
        lines.append("\tmsg->made = made;")
    for field in call.fields:
        lines += fill(field, call)
    lines.append("\tshim_publish(self);")
    if "calm" in call.rule.values:
        key = f"(const uint64_t[]){{{call.rule.values['calm']}}}"
        number = call.rule.values["calm"].count(",") + 1
        lines.append(f"\tcalm_call(self, before, calm_key(WIRE_{call.name}, {number}, {key}));")
    if call.dropped:
        lines.append(f"\tshim_names_drop(self, NAMES_{call.dropped.cls}, {count(call.dropped)}, {call.dropped.name});")
    return lines + answer(call, outs)


def answer(call: Call, outs: list[Field]) -> list[str]:
    """Waiting, what is copied out, and the value returned."""
    if call.made or not call.waits:
        return []
    returns = call.command.ret != "void"
    if not returns and outs and all(f.mode in BY_BINDING for f in outs):
        wait = "\tif (shim_wait(self))\n\t\treturn;"
        if not any(f.mode in (IMAGE, PACK) for f in outs):
            wait = "\tshim_wait(self);"
        return [f"\tif ({outs[0].binding})", "\t\treturn;", wait] + [fetch(f) for f in outs]
    lines = ["\tconst uint64_t answer = shim_wait(self);" if returns else "\tshim_wait(self);"]
    lines += [fetch(f) for f in outs]
    if "make" in call.rule.values:
        lines.append("\treturn answer ? made : 0;")
    elif returns:
        cast = "(uintptr_t)" if call.command.ret == "GLsync" or "*" in call.command.ret else ""
        lines.append(f"\treturn ({call.command.ret}){cast}answer;")
    return lines


def function(call: Call) -> str:
    name = f"send_{call.name}" if call.has("hand") else f"shim_{call.name}"
    return f"{call.command.ret} {name}({call.command.declaration})\n{{\n" + "\n".join(body(call)) + "\n}\n"


def header(calls: list[Call], local: list[Call]) -> str:
    """entries.h: prototypes of every entry point, and of send_*() for those written by hand."""
    lines = []
    for call in sorted(calls + local, key=lambda c: c.name):
        if not call.own:
            lines.append(f"{call.command.ret} shim_{call.name}({call.command.declaration});")
        if call.has("hand"):
            lines.append(f"{call.command.ret} send_{call.name}({call.command.declaration});")
    return (f"{HEADER}#ifndef SHIM_ENTRIES_H\n#define SHIM_ENTRIES_H\n\n"
            '#include "wire/gltypes.h"\n\n' + "\n".join(lines) + "\n\n#endif\n")


def table(calls: list[Call], local: list[Call]) -> str:
    """The entry point of every name, sorted for a binary search."""
    rows = sorted((name, call.name) for call in calls + local if not call.own
                  for name in call.command.names)
    text = "\n".join(f'\t{{"{name}", (void (*)(void))shim_{target}}},' for name, target in rows)
    return (f"const struct shim_entry shim_entries[] = {{\n{text}\n}};\n"
            "const size_t shim_entry_count = array_len(shim_entries);\n")


def source(part: list[Call], parts: int, number: int, calls: list[Call], local: list[Call]) -> str:
    """One of the files that the entry points are spread over."""
    text = (f'{HEADER}#include "glshim/call.h"\n#include "glshim/calm.h"\n#include "glshim/entry.h"\n#include "entries.h"\n'
            '#include "messages.h"\n#include "wire/pixel.h"\n#include "wire/size.h"\n\n#include <string.h>\n\n')
    text += "\n".join(function(c) for c in part)
    if number == 0:
        text += "\n" + table(calls, local)
    return text
