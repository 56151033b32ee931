"""The policy file: what the registry does not say of a call.

A line is `NAME word ...`, where NAME may hold `*` and a later line adds to an earlier one:

    p=EXPR        pointer p is EXPR elements long (bytes for void): C over the call's parameters,
                  `st` (the shared state) and wire_*()
    p=string      pointer p ends with a zero byte
    p=text(L)     p is L bytes of text, or ends with a zero byte where L is negative
    p=strings(N,L) p is N strings, L their lengths (or NULL); they are joined, each with its zero
    p=pointers(N) p is N pointers that are offsets
    p=null        p is not sent, and NULL for the driver
    p=value       pointer p is passed on as a number; nothing is behind it
    p=pixels(A)   p is an image read from memory, or an offset while an unpack buffer is bound
    p=image(A)    p is an image written to memory, or an offset while a pack buffer is bound
    p=unpack(E)   p is E bytes in, or an offset while an unpack buffer is bound
    p=pack(E)     p is E bytes out, or an offset while a pack buffer is bound
    p=at(T,E)     p is E bytes in, or an offset while a buffer is bound to binding T
    p=outat(T,E)  p is E bytes out, or an offset while a buffer is bound to binding T
    p:CLASS       p is a name of this class of objects ("none": it is no name)
    make=CLASS    the returned name is of this class, chosen by the shim
    adopt=p       the program may bring its own name for p
    calm=E,E...   the call changes no state: nothing that can be asked for, and nothing that decides
                  whether GL takes such calls; apart from state these values alone decide that
    back=EXPR     what is returned in the last pointer may be a name; EXPR gives its class
    hand          the shim's entry point is written by hand (glshim/)
    exec          the proxy's execution is written by hand (glproxy/)
    track         both ends note the call in the shared state (wire/state.c)
    local         answered in the shim, never sent
    hide          not offered to programs
    reads         the call names buffers, and neither it nor a later one writes into them for that
    sees          the call may read buffers that are mapped at the same time
    aims          the call may name another buffer of the window to draw to or read from
    recalls       the call may bring back what an earlier one named
    list          a display list keeps the call instead of, or besides, executing it
    vertex        the call is good between glBegin and glEnd, and answers nothing
    sync          waits for the proxy, although nothing is returned

`length FORM = EXPR` says what a length the registry writes as FORM means.
"""

import fnmatch
import re
from dataclasses import dataclass, field

FLAGS = {"hand", "exec", "track", "local", "hide", "sync", "sees", "aims", "recalls", "list", "vertex",
         "reads"}


@dataclass
class Rule:
    """All that the policy says of one call."""

    sizes: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)


@dataclass
class Line:
    number: int
    pattern: str
    words: list[str]
    used: bool = False


class Policy:
    """Reads the file once; rule() answers for a command."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lengths: dict[str, str] = {}
        self.lines: list[Line] = []
        with open(path, encoding="ascii") as file:
            for number, text in enumerate(file, 1):
                self._read(number, text.split("#")[0].strip())

    def _read(self, number: int, text: str) -> None:
        if not text:
            return
        if text.startswith("length "):
            form, expression = text[len("length "):].split(" = ")
            self.lengths[form.strip()] = expression.strip()
            return
        pattern, *words = text.split()
        self.lines.append(Line(number, pattern, words))

    def _apply(self, rule: Rule, word: str, line: Line, params: set[str]) -> None:
        if word in FLAGS:
            rule.flags.add(word)
            return
        match = re.fullmatch(r"(\w+)([=:])(.+)", word)
        if not match:
            raise SystemExit(f"{self.path}:{line.number}: {word}: not understood")
        key, sign, value = match.groups()
        if key in ("make", "adopt", "back", "calm") and sign == "=":
            rule.values[key] = value
        elif key in params:
            (rule.sizes if sign == "=" else rule.classes)[key] = value
        elif "*" not in line.pattern:
            raise SystemExit(f"{self.path}:{line.number}: {line.pattern} has no {key}")

    def rule(self, name: str, params: set[str]) -> Rule:
        rule = Rule()
        for line in self.lines:
            if fnmatch.fnmatchcase(name, line.pattern):
                line.used = True
                for word in line.words:
                    self._apply(rule, word, line, params)
        return rule

    def check_used(self) -> None:
        """A line that describes nothing is a mistake."""
        unused = [f"{self.path}:{x.number}: {x.pattern}: no such call" for x in self.lines if not x.used]
        if unused:
            raise SystemExit("\n".join(unused))
