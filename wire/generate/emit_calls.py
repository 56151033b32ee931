"""Calls as data: what each message's parameters are and where, and the registry's names of numbers."""

from emit import HEADER
from model import (AT, FIXED, HANDLE, IN, INS, NULL, OUTS, POINTERS, STRING, STRINGS, TEXT, UNPACK, VALUE, Call, Field)

FLOATS = {"GLfloat", "GLdouble", "GLclampf", "GLclampd"}
UNSIGNED = {"GLuint", "GLubyte", "GLushort", "GLuint64", "GLuint64EXT", "GLhalfNV", "GLhandleARB", "GLchar",
            "GLcharARB", "void"}
KINDS = {"GLenum": "ENUM", "GLbitfield": "BITS", "GLboolean": "BOOLEAN"}

# Bytes that are text, though the registry calls them void.
TEXTS = {("glProgramStringARB", "string")}

# Images that others take for arrays.
ARRAYS = {("glPolygonStipple", "mask")}


def kind(base: str) -> str:
    if base in KINDS:
        return KINDS[base]
    if base in FLOATS:
        return "FLOAT"
    return "UNSIGNED" if base in UNSIGNED else "SIGNED"


def shape(call: Call, field: Field) -> str:
    if field.mode == NULL:
        return "NULL"
    if field.mode in OUTS and field is not call.made:
        return "OUT"
    if field.mode in (STRING, TEXT) or (call.name, field.name) in TEXTS:
        return "TEXT"
    if field.mode == STRINGS:
        return "TEXTS"
    if field.mode == FIXED:
        return "FIXED"
    if field.mode == IN and field.param.base not in ("void", "GLchar") or field is call.made:
        return "ARRAY"
    if field.mode == POINTERS or field.mode in (AT, UNPACK) and field.param.base != "void":
        return "ARRAY"
    if (call.name, field.name) in ARRAYS:
        return "ARRAY"
    return "BLOB" if field.mode in INS else "SCALAR"


def param(call: Call, field: Field) -> str:
    form = shape(call, field)
    if field.mode == POINTERS:
        values = ("OPAQUE", 8)
    elif field.mode in (HANDLE, VALUE):
        values = ("OPAQUE", 8)
    elif field.name == "internalformat":
        values = ("ENUM", field.element)  # an int in glTexImage*
    else:
        values = (kind(field.param.base), field.element)
    place = "0" if form == "NULL" else f"offsetof(struct wire_{call.name}, {field.name})"
    count = field.size if field.mode == FIXED else "0"
    return f'{{"{field.name}", WIRE_VALUE_{values[0]}, WIRE_SHAPE_{form}, {values[1]}, {count}, {place}}}'


def returns(call: Call) -> str:
    ret = call.command.ret
    if ret == "void":
        return "NOTHING"
    return "OPAQUE" if "*" in ret or ret == "GLsync" else kind(ret.replace("const ", ""))


def row(call: Call) -> str:
    params = ",\n\t\t".join(param(call, f) for f in call.fields)
    made = f"offsetof(struct wire_{call.name}, made)" if "make" in call.rule.values else "0"
    listed = f"(const struct wire_param[]){{{params}}}" if call.fields else "NULL"
    return f'\t[WIRE_{call.name}] = {{"{call.name}", WIRE_VALUE_{returns(call)}, {len(call.fields)}, {made},\n\t\t{listed}}},'


def calls(every: list[Call]) -> str:
    """calls.c: a row a message."""
    rows = "\n".join(row(c) for c in every)
    return (f'{HEADER}#include "wire/calls.h"\n\n#include "messages.h"\n\n#include <stddef.h>\n\n'
            f"const unsigned wire_call_count = WIRE_OPCODES;\n"
            f"const struct wire_call wire_calls[WIRE_OPCODES] = {{\n{rows}\n}};\n")


def enums(names: dict[int, str]) -> str:
    """enums.c: the name of each number that has one, sorted for a binary search."""
    rows = "\n".join(f'\t{{0x{value:x}, "{names[value]}"}},' for value in sorted(names))
    return (f'{HEADER}#include "wire/calls.h"\n\n#include <stddef.h>\n\n'
            f"const struct wire_enum wire_enums[] = {{\n{rows}\n}};\n"
            "const size_t wire_enum_count = sizeof(wire_enums) / sizeof(wire_enums[0]);\n")
