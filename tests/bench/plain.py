"""Plain `criu dump` and `criu restore` of a program in namespaces like a session's own.

The PID and mount namespaces are made outside the image, as glckpt does; only the IPC namespace is
dumped. PID 1 in there sleeps. Needs root.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from harness.driver import BUILD, wait_until

FIRST_PID = 400  # of the program: criu's own processes at a restore must not take its numbers
SINK = BUILD / "tests" / "bench" / "stream-sink"


def criu() -> str:
    """The criu that glckpt uses: $GLCKPT_CRIU, else the chosen one, else the system's."""
    chosen = BUILD / "criu.path"
    if "GLCKPT_CRIU" in os.environ:
        return os.environ["GLCKPT_CRIU"]
    return str(BUILD / chosen.read_text().strip()) if chosen.exists() else "criu"


class Namespaces:
    """Fresh PID and mount namespaces that live until close()."""

    def __init__(self):
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self.holder = subprocess.Popen([*words, "sleep", "infinity"], stdin=subprocess.DEVNULL)
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.first = int(wait_until(lambda: children.read_text().split(), "PID 1 is there")[0])
        comm = Path(f"/proc/{self.first}/comm")
        wait_until(lambda: comm.read_text() == "sleep\n", "PID 1 has its own /proc")

    def enter(self, *words: str) -> list[str]:
        return ["nsenter", f"--target={self.first}", "--mount", "--pid", "--", *words]

    def run(self, *words: str, **keywords) -> None:
        done = subprocess.run(
            self.enter(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, **keywords
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"

    def close(self) -> None:
        """Ends everything in there."""
        self.holder.kill()
        self.holder.wait()
        wait_until(lambda: not Path(f"/proc/{self.first}").exists(), "the namespace is gone")


class PlainCriu:
    """One program, dumped and restored without glckpt."""

    def __init__(self, work: Path, shell_command: str):
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        self.namespaces = Namespaces()
        start = f"echo {FIRST_PID - 1} > /proc/sys/kernel/ns_last_pid; "
        start += f"setsid unshare --ipc sh -c 'echo $$ > {work}/root.pid; cd /; {shell_command}' "
        start += f"</dev/null >{work}/output 2>&1 &"
        self.namespaces.run("sh", "-c", start)
        wait_until(lambda: (work / "root.pid").exists(), "the program has begun")

    def dump(self, folder: Path, *options: str) -> float:
        """Dumps; the program goes on. Wall seconds."""
        folder.mkdir()
        root = (self.work / "root.pid").read_text().strip()
        words = [criu(), "dump", "-t", root, "-D", str(folder), "-o", "dump.log", "-v1"]
        start = time.monotonic()
        self.namespaces.run(*words, "--leave-running", *options)
        return time.monotonic() - start

    def dump_durable(self, folder: Path) -> float:
        """Dumps into files and syncs them. Wall seconds."""
        start = time.monotonic()
        self.dump(folder)
        sync_tree(folder)
        return time.monotonic() - start

    def dump_into_nothing(self, folder: Path) -> float:
        """The floor: criu's stream, read and thrown away. Wall seconds."""
        folder.mkdir()
        sink = subprocess.Popen([SINK, folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: listens(folder / "streamer-capture.sock"), "the sink listens")
        root = (self.work / "root.pid").read_text().strip()
        words = [criu(), "dump", "-t", root, "-D", str(folder), "-o", "dump.log", "-v1"]
        start = time.monotonic()
        self.namespaces.run(*words, "--leave-running", "--stream")
        taken = time.monotonic() - start
        assert sink.wait(30) == 0
        return taken

    def kill(self) -> None:
        self.namespaces.close()

    def restore(self, folder: Path) -> float:
        """Restores into namespaces anew. Wall seconds until criu has ended."""
        self.namespaces = Namespaces()
        start = time.monotonic()
        self.namespaces.run(criu(), "restore", "-D", str(folder), "-o", "restore.log", "-v1", "-d")
        return time.monotonic() - start


def listens(path: Path) -> bool:
    """Whether a Unix socket of this name accepts connections (flag 0x10000, SO_ACCEPTCON)."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return any(line[-1] == str(path) and int(line[3], 16) & 0x10000 for line in lines)


def sync_tree(folder: Path) -> None:
    """fsync for every file below and every folder."""
    for path in [*folder.rglob("*"), folder]:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def forget_cached(folder: Path) -> None:
    """Puts a folder's files out of the page cache, so that a restore reads the disk."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def tree_bytes(folder: Path) -> int:
    """Bytes on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
