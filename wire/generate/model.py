"""What is sent for a call, decided from the registry and the policy."""

import re
from dataclasses import dataclass

from policy import Policy, Rule
from registry import Command, Param

# Bytes of an element behind a pointer; void counts bytes.
SIZES = {
    "GLbyte": 1, "GLubyte": 1, "GLchar": 1, "GLcharARB": 1, "GLboolean": 1, "void": 1,
    "GLshort": 2, "GLushort": 2, "GLhalfNV": 2,
    "GLint": 4, "GLuint": 4, "GLenum": 4, "GLsizei": 4, "GLfloat": 4, "GLfixed": 4, "GLclampx": 4,
    "GLclampf": 4, "GLbitfield": 4, "GLhandleARB": 4,
    "GLdouble": 8, "GLclampd": 8, "GLint64": 8, "GLuint64": 8, "GLint64EXT": 8, "GLuint64EXT": 8,
    "GLintptr": 8, "GLsizeiptr": 8, "GLintptrARB": 8, "GLsizeiptrARB": 8,
}
HANDLES = {"GLsync", "GLeglImageOES", "GLeglClientBufferEXT"}
STORED_IN_MESSAGE = 128  # a fixed array of at most so many bytes is part of the message

# How a parameter travels.
SCALAR, HANDLE, VALUE, FIXED = "scalar", "handle", "value", "fixed"
IN, STRING, PIXELS, UNPACK, AT = "in", "string", "pixels", "unpack", "at"
STRINGS, TEXT, POINTERS, NULL = "strings", "text", "pointers", "null"
OUT, IMAGE, PACK, OUTAT = "out", "image", "pack", "outat"
INS = {IN, STRING, TEXT, STRINGS, POINTERS, PIXELS, UNPACK, AT}
OUTS = {OUT, IMAGE, PACK, OUTAT}


class Undescribed(Exception):
    """A call that neither the registry nor the policy describes."""


@dataclass
class Field:
    """One parameter of a call on its way."""

    param: Param
    mode: str
    size: str = ""  # bytes, in C; for PIXELS and IMAGE the arguments of wire_layout()
    binding: str = ""  # the state that makes it an offset
    cls: str = ""  # the class of names it is or holds

    @property
    def name(self) -> str:
        return self.param.name

    @property
    def element(self) -> int:
        return SIZES[self.param.base]


@dataclass
class Call:
    """One call as it is sent: the generator's whole knowledge of it."""

    command: Command
    rule: Rule
    fields: list[Field]
    opcode: int = -1

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def own(self) -> bool:
        """A message of ours, which no driver knows."""
        return not self.name.startswith("gl")

    def has(self, flag: str) -> bool:
        return flag in self.rule.flags

    @property
    def ins(self) -> list[Field]:
        return [f for f in self.fields if f.mode in INS]

    @property
    def outs(self) -> list[Field]:
        return [f for f in self.fields if f.mode in OUTS]

    @property
    def made(self) -> Field | None:
        """The array that names given out by the shim go to (glGen*, glCreate*)."""
        if not re.match(r"gl(Gen|Create)[A-Z]", self.name):
            return None
        return next((f for f in self.fields if f.cls and f.param.is_pointer), None)

    @property
    def dropped(self) -> Field | None:
        """The array of names that end here (glDelete*)."""
        if not re.match(r"glDelete[A-Z]", self.name):
            return None
        return next((f for f in self.fields if f.cls and f.param.is_pointer), None)

    @property
    def waits(self) -> bool:
        return self.has("sync") or bool(self.outs) or self.command.ret != "void"


def _split(value: str) -> tuple[str, str]:
    """`at(T,E)` as T and E."""
    binding, size = value.split(",", 1)
    return binding, size


def _described(param: Param, size: str) -> Field:
    """A pointer as the policy describes it."""
    field = Field(param, IN if param.const else OUT)
    match = re.fullmatch(r"(pixels|image|unpack|pack|at|outat|strings|text|pointers)\((.*)\)", size)
    if size == "string":
        field.mode = STRING
    elif size in (VALUE, NULL):
        field.mode = size
    elif match:
        field.mode, field.size = match.groups()
        if field.mode in (STRINGS, TEXT, POINTERS):
            pass
        elif field.mode in (AT, OUTAT):
            field.binding, field.size = _split(field.size)
            field.binding = f"st->buffer[{field.binding}]"
        else:
            store = "UNPACK" if field.mode in (PIXELS, UNPACK) else "PACK"
            field.binding = f"st->buffer[WIRE_PIXEL_{store}_BUFFER]"
    else:
        field.size = f"wire_bytes({size}, {SIZES[param.base]})"
    return field


def _pointer(command: Command, param: Param, rule: Rule, policy: Policy) -> Field:
    """A pointer parameter: the policy first, then what the registry says of its length."""
    if param.name in rule.sizes:
        return _described(param, rule.sizes[param.name])
    if param.base not in SIZES or param.depth > 1:
        raise Undescribed(f"{command.name}: {param.name} is a {param.ctype}")
    length = param.length
    if length in policy.lengths:
        return _described(param, policy.lengths[length])
    if length is None:
        raise Undescribed(f"{command.name}: nothing says how long {param.name} is")
    if length.isdigit() and param.const and int(length) * SIZES[param.base] <= STORED_IN_MESSAGE:
        return Field(param, FIXED, size=length)
    names = re.findall(r"[A-Za-z_]\w*", length)
    if not re.fullmatch(r"[\w*+ ]+", length) or any(
            n not in (p.name for p in command.params) or command.param(n).is_pointer for n in names):
        raise Undescribed(f"{command.name}: {param.name} is {length} long")
    length = re.sub(r"^(\w+)\*(\w+)$", r"wire_product(\1,\2)", length)
    return Field(param, IN if param.const else OUT, size=f"wire_bytes({length}, {SIZES[param.base]})")


def _field(command: Command, param: Param, rule: Rule, policy: Policy) -> Field:
    if param.is_pointer:
        field = _pointer(command, param, rule, policy)
    elif param.base in HANDLES:
        field = Field(param, HANDLE)
    elif param.base in SIZES:
        field = Field(param, SCALAR)
    else:
        raise Undescribed(f"{command.name}: {param.name} is a {param.ctype}")
    cls = rule.classes.get(param.name, param.cls or "")
    field.cls = {"none": "", "shader": "program", "display_list": ""}.get(cls, cls)
    return field


def describe(command: Command, policy: Policy) -> Call:
    """The call; raises Undescribed when something is not said."""
    rule = policy.rule(command.name, {p.name for p in command.params})
    if rule.flags & {"local", "hide"}:
        return Call(command, rule, [])
    fields = [_field(command, p, rule, policy) for p in command.params]
    call = Call(command, rule, fields)
    if "*" in command.ret and not call.has("hand"):
        raise Undescribed(f"{command.name}: returns a pointer and is not written by hand")
    if command.ret in ("GLfloat", "GLdouble"):
        raise Undescribed(f"{command.name}: returns a {command.ret}")
    return call
