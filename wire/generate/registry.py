"""The Khronos registry, and registries of our own in its format, read as plain data."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

APIS = ("gl", "gles1", "gles2")


@dataclass
class Param:
    """One parameter of a command, as C and as the registry's remarks on it."""

    name: str
    ctype: str  # as written in C, without the name: "const GLfloat *"
    base: str  # what is pointed at, or the type itself: "GLfloat"
    depth: int  # number of pointers
    const: bool  # what is pointed at is not written
    length: str | None
    cls: str | None  # kind of object a name is of: "texture"

    @property
    def is_pointer(self) -> bool:
        return self.depth > 0


@dataclass
class Command:
    """One command; `names` are all names it is known by, its own first."""

    name: str
    ret: str
    params: list[Param]
    names: list[str] = field(default_factory=list)

    @property
    def declaration(self) -> str:
        return ", ".join(f"{p.ctype} {p.name}".replace("* ", "*") for p in self.params) or "void"

    def param(self, name: str) -> Param:
        return next(p for p in self.params if p.name == name)


def _ctype(element: ET.Element) -> tuple[str, str]:
    """The C type of a <param> or <proto>, and the name. Array suffixes become pointers."""
    name = element.find("name").text
    text = "".join(element.itertext())
    before, after = text.rsplit(name, 1)
    ctype = re.sub(r"\s+", " ", before).strip().replace("GLvoid", "void")
    if "[" in after:
        ctype += " *"
    return re.sub(r"\s*\*", " *", ctype).replace("* *", "**"), name


def _param(element: ET.Element) -> Param:
    ctype, name = _ctype(element)
    base = re.sub(r"\bconst\b|\bstruct\b|[*]", " ", ctype).strip()
    cls = element.get("class")
    return Param(name, ctype, base, ctype.count("*"), ctype.startswith("const"),
                 element.get("len"), cls.replace(" ", "_") if cls else None)


def _command(element: ET.Element) -> Command:
    ret, name = _ctype(element.find("proto"))
    return Command(name, ret, [_param(p) for p in element.findall("param")], [name])


def _required(root: ET.Element, extensions: set[str]) -> set[str]:
    """The names of the commands of every version, and of the given extensions."""
    names: set[str] = set()
    groups = [f for f in root.findall("feature") if f.get("api") in APIS]
    groups += [e for e in root.iterfind("extensions/extension") if e.get("name") in extensions]
    for group in groups:
        names.update(c.get("name") for r in group.findall("require") for c in r.findall("command"))
    return names


def load(path: str, extensions: set[str] | None) -> list[Command]:
    """The commands of a registry by name, aliases folded into the command they stand for.

    `extensions` limits them to what the versions and these extensions require; None takes all.
    """
    root = ET.parse(path).getroot()
    elements = {c.find("proto/name").text: c for c in root.iterfind("commands/command")}
    wanted = set(elements) if extensions is None else _required(root, extensions)

    def target(name: str) -> str:
        alias = elements[name].find("alias")
        return name if alias is None or alias.get("name") not in elements else target(alias.get("name"))

    commands: dict[str, Command] = {}
    for name in sorted(wanted):
        canonical = target(name)
        if canonical not in commands:
            commands[canonical] = _command(elements[canonical])
        if name != canonical:
            commands[canonical].names.append(name)
    return [commands[name] for name in sorted(commands)]


VENDORS = ("3DFX", "AMD", "ANDROID", "ANGLE", "APPLE", "ARB", "ARM", "ATI", "DMP", "EXT", "FJ", "HP", "IBM", "IMG",
           "INGR", "INTEL", "KHR", "MESA", "MESAX", "NV", "NVX", "OES", "OML", "OVR", "PGI", "QCOM", "REND", "S3",
           "SGI", "SGIS", "SGIX", "SUN", "SUNX", "VIV", "WEBGL", "WIN")


def enums(path: str) -> dict[int, str]:
    """The best name of each number from 0x100 on: none of a vendor's where there is another, a short one."""
    best: dict[int, tuple] = {}
    for group in ET.parse(path).getroot().iterfind("enums"):
        for enum in group.findall("enum") if group.get("type") != "bitmask" else ():
            value, name = int(enum.get("value"), 0), enum.get("name")
            rank = (name.rsplit("_", 1)[1] in VENDORS, len(name), name)
            if 0x100 <= value < 1 << 32 and rank < best.get(value, (True, 1000, "")):
                best[value] = rank
    return {value: rank[2] for value, rank in best.items()}
