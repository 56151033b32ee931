#!/usr/bin/python3
"""piglit through the proxy, and what it loses against the native driver: piglit.py [options] [PROFILE...]

Runs the tests through the proxy. Those that do not pass run natively as well, and those that are lost run
once more both ways, so that neither a busy machine nor a test that is flaky natively counts. Ends 0 when
nothing is lost: no test that passes natively fails, crashes or is skipped through the proxy, and no proxy
dies of what the driver survives. Differences are listed by name; the results are kept in build/piglit
(--keep). A run that is cut off goes on where it stopped when it is started again with the same build;
what is known of the native driver is kept as long as the driver stays the same.

All of quick_shader runs many tests a process, as piglit itself offers it (a third of the time); what does
not pass that way runs again by itself.

A list (--tests) has a name a line, `PROFILE NAME`; a line that begins with `#` is a comment. So has a list of
tests known to be lost (--known), each followed by ` # ` and the reason: they are run too, and one that passes
is a failure like a new loss, so that the list stays true.
"""

from __future__ import annotations

import argparse
import bz2
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.xserver import XServer  # noqa: E402

TOP = Path(__file__).resolve().parent.parent.parent
GLRUN = TOP / "tests/gl/glrun"
RANK = {"pass": 3, "warn": 2, "skip": 1}  # all others: 0

RESULTS = "results.json.bz2"
DRIVER = [*Path("/usr/lib").glob("*/dri/swrast_dri.so"), *Path("/usr/lib").glob("*/piglit/tests/quick_*.gz")]
# Profiles that piglit runs with many tests a process, and the groups that are left out: those of which
# quick_shader runs some, chosen by chance, and the other profile all.
TOGETHER = {"quick_shader": ["@vs_in$"]}
TOGETHER_S = 3600  # for a group
DIED = re.compile(r"^glproxy: (\S+): its proxy has died.*$", re.MULTILINE)

Results = dict[str, str]


class Piglit:
    """Runs tests of one profile on an X server, and keeps what it found in a folder."""

    def __init__(self, profile: str, server: XServer, arguments: argparse.Namespace):
        self.profile = profile
        self.server = server
        self.environment = server.environment | {"PIGLIT_NO_WINDOW": "1"}
        self.jobs = str(arguments.jobs)
        self.timeout = arguments.timeout
        self.build = arguments.build
        self.keep = arguments.keep / profile
        self.log = self.keep / "proxies.log"
        self.extra_crashes = 0  # of tests that came along and are not the profile's
        self.keep.mkdir(parents=True, exist_ok=True)

    def run(self, stage: str, tests: set[str] | None, proxied: bool) -> Results:
        """The result of each test by name; None: all of the profile. Goes on with a stage that was cut off."""
        if tests is None and self.profile in TOGETHER:
            return self._run_together(stage, proxied)
        return self._run_stage(stage, tests, proxied) if tests != set() else {}

    def _run_together(self, stage: str, proxied: bool) -> Results:
        """Many tests a process; of groups that only a part is chosen of, and where names are missing, one by one."""
        names = subprocess.run(["piglit", "print-cmd", "--format", "{name}", self.profile],
            stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        found = self._run_stage(stage, None, proxied)
        results = {name: found[name] for name in names if name in found}
        self.extra_crashes = sum(found[name] == "crash" for name in found.keys() - results.keys())
        return results | self.run(f"{stage}-rest", set(names) - results.keys(), proxied)

    def _run_stage(self, stage: str, tests: set[str] | None, proxied: bool) -> Results:
        folder, stamp, done = (self.keep / f"{stage}{end}" for end in ("", ".stamp", ".done.json"))
        names = "\n".join(sorted(tests)) if tests is not None else ""
        current = stamp_of(*(build_of(self.build) if proxied else DRIVER), text=names)
        begun = stamp.exists() and stamp.read_text() == current
        if not begun:
            shutil.rmtree(folder, ignore_errors=True)
            done.unlink(missing_ok=True)
            stamp.write_text(current)
        if tests is not None:
            return self._run_list(folder, done, tests, proxied)
        if not (folder / RESULTS).exists():
            resume = begun and any((folder / "tests").glob("*.json"))
            self._start(proxied, ["resume", "-j", self.jobs, str(folder)] if resume else self._begin(folder))
            self._check(folder)
        return self._read(folder / RESULTS, self.profile in TOGETHER)

    def _run_list(self, folder: Path, done: Path, tests: set[str], proxied: bool) -> Results:
        """piglit does not resume lists."""
        known = json.loads(done.read_text()) if done.exists() else {}
        known |= self._read(folder / RESULTS, False) if (folder / RESULTS).exists() else self._salvage(folder)
        done.write_text(json.dumps(known))
        rest = tests - known.keys()
        if rest:
            wanted = folder.with_suffix(".list")
            wanted.write_text("".join(f"{name}\n" for name in sorted(rest)))
            self._start(proxied, self._begin(folder, wanted))
            self._check(folder)
            known |= self._read(folder / RESULTS, False)
        return known

    @staticmethod
    def _salvage(folder: Path) -> Results:
        """What piglit has written of a run that was cut off."""
        found: Results = {}
        for file in (folder / "tests").glob("*.json"):
            try:
                found |= {name: test["result"] for name, test in json.loads(file.read_text()).items()}
            except json.JSONDecodeError:
                pass  # the last one
        return {name: result for name, result in found.items() if result not in ("incomplete", "notrun")}

    def _check(self, folder: Path) -> None:
        """Without its X server a stage says nothing; one that was cut off goes on next time."""
        if self.server.process.poll() is not None:
            shutil.rmtree(folder)
            sys.exit("piglit.py: the X server has ended")
        if not (folder / RESULTS).exists():
            sys.exit("piglit.py: piglit was cut off")

    def _begin(self, folder: Path, wanted: Path | None = None) -> list[str]:
        together = not wanted and self.profile in TOGETHER
        options = ["-o", "-j", self.jobs, "--timeout", str(TOGETHER_S if together else self.timeout)]
        if wanted:
            options += ["--test-list", str(wanted)]
        if together:
            options += ["--process-isolation", "false", *(o for x in TOGETHER[self.profile] for o in ("-x", x))]
        return ["run", *options, self.profile, str(folder)]

    def _start(self, proxied: bool, arguments: list[str]) -> None:
        command = [str(GLRUN), "--build", self.build] if proxied else []
        with self.log.open("a") as log:
            child = subprocess.Popen([*command, "piglit", *arguments], stdout=subprocess.DEVNULL,
                stderr=log if proxied else subprocess.DEVNULL, env=self.environment)
            try:
                child.wait()
            finally:
                if child.poll() is None:  # we are interrupted
                    child.terminate()
                    child.wait()

    def native(self, tests: set[str]) -> Results:
        """What the native driver makes of tests; asked once a driver."""
        file, current = self.keep / "native.json", stamp_of(*DRIVER)
        known = json.loads(file.read_text()) if file.exists() else {}
        results = known.get("results", {}) if known.get("driver") == current else {}
        results |= self.run("native", tests - results.keys(), False)
        file.write_text(json.dumps({"driver": current, "results": results}, indent=1, sort_keys=True))
        return {name: results[name] for name in tests}

    def deaths(self) -> dict[str, str]:
        """What the log says last of each proxy that died."""
        log = self.log.read_text() if self.log.exists() else ""
        return {died.group(1): died.group(0) for died in DIED.finditer(log)}

    def finish(self) -> None:
        """The next run is a new one."""
        for stage in self.keep.glob("*.stamp"):
            stage.unlink()
        shutil.move(self.log, self.log.with_suffix(".old.log"))

    @staticmethod
    def _read(file: Path, together: bool) -> Results:
        with bz2.open(file) as data:
            tests = json.load(data)["tests"]
        found: Results = {}
        for name, test in tests.items():
            found[name] = test["result"]
            for part, result in test["subtests"].items() if together else ():
                found.setdefault(f"{name}@{part}", result)
        return found


def build_of(build: str) -> list[Path]:
    return [Path(build) / name for name in ("bin/glproxy", "libGLX_glckpt.so.0", "libEGL_glckpt.so.0")]


def stamp_of(*files: Path, text: str = "") -> str:
    """Changes when one of the files does, or the text."""
    stamp = hashlib.sha256(text.encode())
    for file in files:
        with file.open("rb") as data:
            stamp.update(hashlib.file_digest(data, "sha256").digest())
    return stamp.hexdigest()


def is_lost(before: str, after: str) -> bool:
    return RANK.get(after, 0) < RANK.get(before, 0)


def lost_of(native: Results, proxied: Results) -> set[str]:
    return {name for name in native if is_lost(native[name], proxied.get(name, "missing"))}


def compare(piglit: Piglit, tests: set[str] | None) -> tuple[Results, set[str], bool]:
    """The results through the proxy, those tests that are lost, and whether proxies died of themselves."""
    proxied = piglit.run("proxy", tests, True)
    native = piglit.native({name for name, result in proxied.items() if result != "pass"})
    lost = lost_of(native, proxied)
    again, native_again = piglit.run("proxy-again", lost, True), piglit.run("native-again", lost, False)
    flaky = {name for name in lost if native_again[name] != native[name]}
    proxied |= again
    lost = lost_of({name: native[name] for name in lost - flaky}, proxied)
    for name in sorted(native):
        if native[name] != proxied[name]:
            note = ", natively flaky" if name in flaky else "" if name in lost else ", not lost"
            print(f"{native[name]} -> {proxied[name]}{note}  {name}")
    deaths = piglit.deaths()
    died = len(deaths) > piglit.extra_crashes + sum(result == "crash" for result in native.values())
    if died:
        print("\n".join(deaths.values()))
    print(f"{piglit.profile}: {len(proxied)} tests, proxy {dict(Counter(proxied.values()))}, "
        f"{len(lost)} lost", flush=True)
    kept = {"proxy": proxied, "native": native, "flaky": sorted(flaky), "lost": sorted(lost),
        "deaths": deaths}
    (piglit.keep / "found.json").write_text(json.dumps(kept, indent=1, sort_keys=True))
    piglit.finish()
    return proxied, lost, died


def read_list(*files: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (line for file in files for line in file.read_text().splitlines()):
        if line and not line.startswith("#"):
            profile, name = line.split(" # ")[0].strip().split(" ", 1)
            found.setdefault(profile, set()).add(name)
    return found


def judge(proxied: Results, lost: set[str], known: set[str]) -> bool:
    """Says what is new; true when everything is as the list of known losses has it."""
    new = lost - known
    passes = {name for name in known if proxied[name] == "pass"}
    for name in sorted(new):
        print(f"lost: {name}")
    for name in sorted(passes):
        print(f"known to be lost, and passes: take it from the list: {name}")
    return not new and not passes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="*", default=["quick_gl"])
    parser.add_argument("--tests", type=Path, help="a list of tests")
    parser.add_argument("--known", type=Path, help="a list of tests that are known to be lost")
    parser.add_argument("--build", default=str(TOP / "build"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=120, help="seconds a test may take")
    parser.add_argument("--keep", type=Path, default=TOP / "build/piglit", help="where results are kept")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    known = read_list(args.known) if args.known else {}
    lists = [file for file in (args.tests, args.known) if file]
    chosen = read_list(*lists) if args.tests else dict.fromkeys(args.profiles)
    count, as_known, lost = 0, True, set()
    with XServer() as server:
        for profile, tests in chosen.items():
            proxied, missing, died = compare(Piglit(profile, server, args), tests)
            count += len(proxied)
            lost |= missing
            as_known &= not died and judge(proxied, missing, known.get(profile, set()))
    print(f"{count} tests, {len(lost)} lost")
    sys.exit(0 if as_known and count else 1)


if __name__ == "__main__":
    main()
