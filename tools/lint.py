#!/usr/bin/python3
"""Looks for what no compiler finds: lint.py BUILD

 - a room that includes another (each may include itself, base/ and wire/; base/ only itself);
 - a source that does not include its own header first;
 - a shared object that exports more or less than it should;
 - a variable of the environment policy that README or manual do not mention;
 - paths of somebody's machine, hosts of package mirrors, and work left for later.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS = {"base", "wire", "glshim", "glproxy", "xdetach", "vnc"}
ALLOWED = {"base": {"base"}, "wire": {"base", "wire"}}
INCLUDE = re.compile(r'^#include "(?:\.\./)*([^"]+)"', re.MULTILINE)

EXPORTS = {
    "criu-plugin/glckpt.so": {"CR_PLUGIN_DESC"},
    "glckpt-mapfiles.so": {"openat", "openat64", "stat", "stat64"},
    "libGLX_glckpt.so.0": {"__glx_Main"},
    "libEGL_glckpt.so.0": {"__egl_Main"},
}

FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.$}*~-])/(?:home|root|work|farm|mnt)/\w"),
    "the host of a mirror": re.compile(r"\b(?:deb|ftp|security|snapshot)\.[\w.]*debian\.org"),
    "work left for later": re.compile(r"\b(?:TODO|FIXME|XXX)\b"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and Path(name).is_file()]


def includes(path: Path, text: str) -> Iterator[str]:
    room = path.parts[0]
    if room not in ROOMS:
        return
    for included in INCLUDE.findall(text):
        other = included.split("/")[0]
        if other in ROOMS and other not in ALLOWED.get(room, {room, "base", "wire"}):
            yield f'{path}: {room}/ must not include "{included}"'


def own_header(path: Path, text: str) -> Iterator[str]:
    header = path.with_suffix(".h")
    first = re.search(r'^#include ["<](.+)[">]', text, re.MULTILINE)
    if path.suffix == ".c" and header.exists() and first and first[1] != str(header):
        yield f"{path}: its own header comes first"


def words(path: Path, text: str) -> Iterator[str]:
    if path == Path("tools/lint.py"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN.items():
            if pattern.search(line):
                yield f"{path}:{number}: {what}"


def environment_policy() -> Iterator[str]:
    """The table in environment.c is the policy; what users read has to follow it."""
    rules = re.findall(r'^\t\{"([A-Z_]+\*?)",', Path("xdetach/session/environment.c").read_text(),
                       re.MULTILINE)
    for page in (Path("README.md"), Path("docs/glckpt.1")):
        text = page.read_text()
        yield from (f"{page}: says nothing of {rule}" for rule in rules if rule not in text)


def exports(build: Path) -> Iterator[str]:
    for name, wanted in EXPORTS.items():
        listed = subprocess.run(["nm", "-D", "--defined-only", build / name],
                                check=True, capture_output=True, text=True).stdout
        found = {line.split()[-1].split("@")[0] for line in listed.splitlines()}
        if found != wanted:
            yield f"{name}: exports {sorted(found)}, not {sorted(wanted)}"


def complaints(build: Path) -> Iterator[str]:
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if path.suffix in (".c", ".h"):
            yield from includes(path, text)
            yield from own_header(path, text)
        yield from words(path, text)
    yield from environment_policy()
    yield from exports(build)


def main() -> int:
    found = list(complaints(Path(sys.argv[1])))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
