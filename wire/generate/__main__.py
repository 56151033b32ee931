"""Writes the C of the GL stream from the registries, the policy and the list of opcodes.

usage: generate [--append-opcodes] --out DIR --wire DIR --registry FILE
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import emit  # noqa: E402
import emit_calls  # noqa: E402
import emit_proxy  # noqa: E402
import emit_shim  # noqa: E402
import model  # noqa: E402
import registry  # noqa: E402
from policy import Policy  # noqa: E402

SHIM_PARTS = 4


def words(path: str) -> list[str]:
    with open(path, encoding="ascii") as file:
        return [line.split("#")[0].strip() for line in file if line.split("#")[0].strip()]


def number(calls: list[model.Call], path: str, append: bool) -> None:
    """Gives each call its opcode from the append-only list."""
    known = {name: int(code) for code, name in (line.split() for line in words(path))}
    missing = [c.name for c in calls if c.name not in known]
    if missing and not append:
        sys.exit(f"{path}: no opcode for {', '.join(missing[:8])}: run `make opcodes`")
    with open(path, "a", encoding="ascii") as file:
        for name in missing:
            known[name] = max(known.values(), default=-1) + 1
            file.write(f"{known[name]} {name}\n")
    for call in calls:
        call.opcode = known[call.name]


def describe_all(commands: list[registry.Command], policy: Policy) -> list[model.Call]:
    """Every call, or the end of the build with the names of those nobody described."""
    calls, wrong = [], []
    for command in commands:
        try:
            calls.append(model.describe(command, policy))
        except model.Undescribed as error:
            wrong.append(str(error))
    if wrong:
        sys.exit("wire/policy.txt does not describe:\n  " + "\n  ".join(wrong))
    policy.check_used()
    return calls


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--append-opcodes", action="store_true")
    parser.add_argument("--out", required=True)
    parser.add_argument("--wire", required=True)
    parser.add_argument("--registry", default="/usr/share/khronos-api/gl.xml")
    args = parser.parse_args()
    policy = Policy(f"{args.wire}/policy.txt")
    offered = words(f"{args.wire}/extensions.txt")
    commands = registry.load(args.registry, set(offered))
    commands += registry.load(f"{args.wire}/own.xml", None)
    every = describe_all(commands, policy)
    local = [c for c in every if c.has("local")]
    calls = [c for c in every if not c.has("local") and not c.has("hide")]
    number(calls, f"{args.wire}/opcodes.txt", args.append_opcodes)
    os.makedirs(args.out, exist_ok=True)
    write(f"{args.out}/messages.h", emit.messages(calls))
    write(f"{args.out}/extensions.c", emit.extensions(offered))
    write(f"{args.out}/track_calls.h", emit.track(calls))
    write(f"{args.out}/names.c", emit.names_text(calls, []))
    write(f"{args.out}/calls_table.c", emit_calls.calls(calls))
    write(f"{args.out}/enums.c", emit_calls.enums(registry.enums(args.registry)))
    write(f"{args.out}/driver_table.h", emit.driver(every))
    write(f"{args.out}/entries.h", emit_shim.header(calls, local))
    for part in range(SHIM_PARTS):
        text = emit_shim.source(calls[part::SHIM_PARTS], SHIM_PARTS, part, calls, local)
        write(f"{args.out}/entries{part}.c", text)
    write(f"{args.out}/hand.h", emit_proxy.header(calls))
    write(f"{args.out}/decode.c", emit_proxy.source(calls))


main()
