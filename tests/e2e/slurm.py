"""A Slurm of two nodes on this machine, on the loopback only, with all its state in one folder.

No systemd is needed and none of the host's Slurm or munge is touched: keys, sockets and ports are
its own. Debian builds slurmd so that several can run on one host. Its daemons run as root; the jobs
are an ordinary user's.

Each node has a name, processes, mounts, System V segments, a /tmp and a /dev/shm of its own; the
rest is what the nodes share. Killing its first process is a power cut.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from harness.driver import Late, wait_until

SBIN = "/usr/sbin"
NODES = ("na", "nb")
GRACES = (60, 30, 5, 0)  # seconds; a partition each
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo", "scancel")

CONFIG = """\
ClusterName=glckpt
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={base}/munge/socket,cred_expire=5
SlurmctldParameters=preempt_send_user_signal
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool.%n
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.%n.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,sched_min_interval=100000,bf_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
RequeueExit=85
KillWait=10
SlurmdTimeout=120
MailProg=/bin/true
NodeName=na NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=1000
NodeName=nb NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=1000
PartitionName=high Nodes=na,nb PriorityTier=10 PreemptMode=OFF
"""

PARTITION = """\
PartitionName=low{grace} Nodes=na,nb PriorityTier=1 PreemptMode=REQUEUE GraceTime={grace}
"""

# What a node has for itself; then its daemon, below a first process that reaps.
NODE = """\
hostname {name}
mount -t proc proc /proc
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
{{ cat /etc/hosts; echo 127.0.0.1 {name}; }} >{base}/hosts.{name}
mount --bind {base}/hosts.{name} /etc/hosts
{sbin}/slurmd -D -N {name} -f {config} &
wait $!
"""


def missing_program() -> str | None:
    path = f"{os.environ['PATH']}:{SBIN}"
    return next((name for name in PROGRAMS if not shutil.which(name, path=path)), None)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _describe(process: Path, space: str) -> str:
    """The command line of a process of a PID namespace; of another's or a dead one: nothing."""
    try:
        if process.name.isdigit() and os.readlink(process / "ns/pid") == space:
            return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        pass
    return ""


class Slurm:
    """Brought up by start(); stop() ends its jobs and daemons."""

    def __init__(self, base: Path, user: str):
        self.base = base
        self.user = user
        self.config = base / "slurm.conf"
        self.daemons: list[subprocess.Popen] = []
        self.nodes: dict[str, subprocess.Popen] = {}

    # ---- daemons ----

    def start(self) -> None:
        for name in ("munge", "state", *(f"spool.{node}" for node in NODES)):
            (self.base / name).mkdir(parents=True, mode=0o755)
        host = socket.gethostname().split(".")[0]
        config = CONFIG.format(base=self.base, host=host, ports=_free_ports(3))
        config += "".join(PARTITION.format(grace=grace) for grace in GRACES)
        self.config.write_text(config)
        self._start_munge()
        self._spawn("slurmctld", "-D", "-f", self.config)
        for name in NODES:
            self.start_node(name)
        self.wait_idle()

    def wait_idle(self) -> None:
        wait_until(lambda: self._idle() == len(NODES), "both nodes are idle", timeout=60)

    def stop(self) -> None:
        if self._idle() < len(NODES):
            self.end_jobs()
        for name in list(self.nodes):
            self.cut_power(name)
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(timeout=5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def cut_power(self, name: str) -> None:
        """Ends a node and everything on it at once."""
        node = self.nodes.pop(name)
        os.kill(self._first_process(node), signal.SIGKILL)
        node.wait()

    def give_up(self, name: str) -> None:
        """As whoever watches the hosts does. By itself Slurm does so after SlurmdTimeout, which is
        long, lest a busy machine's nodes are given up."""
        self.root("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=power")

    def start_node(self, name: str) -> None:
        script = NODE.format(name=name, base=self.base, sbin=SBIN, config=self.config)
        words = ["unshare", "--pid", "--mount", "--ipc", "--uts", "--fork", "--kill-child"]
        words += ["--propagation=private", "bash", "-ec", script]
        self.nodes[name] = self._popen(f"slurmd.{name}", words)

    @staticmethod
    def _first_process(node: subprocess.Popen) -> int:
        children = Path(f"/proc/{node.pid}/task/{node.pid}/children")
        return int(wait_until(lambda: children.read_text().split(), "a node has begun")[0])

    def root_of(self, name: str) -> Path:
        """The file system as a node sees it."""
        return Path(f"/proc/{self._first_process(self.nodes[name])}/root")

    def mounts_of(self, name: str) -> list[str]:
        first = self._first_process(self.nodes[name])
        lines = Path(f"/proc/{first}/mountinfo").read_text().splitlines()
        return sorted(line.split()[4] for line in lines)

    def processes_of(self, name: str) -> list[str]:
        """What runs on a node besides its own two."""
        first = self._first_process(self.nodes[name])
        space = os.readlink(f"/proc/{first}/ns/pid")
        found = (_describe(Path("/proc", pid), space) for pid in os.listdir("/proc"))
        return [words for words in found if words and " -D -N " not in words]

    def end_jobs(self) -> None:
        self.root("scancel", "--full", "--signal=KILL", "--user", self.user)
        self.root("scancel", "--user", self.user)
        try:
            wait_until(lambda: self._idle() == len(NODES), "all jobs have ended", timeout=10)
        except Late as late:
            print(f"slurm: {late}")  # its processes are ended with the test's folder

    def _start_munge(self) -> None:
        key = self.base / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self._spawn(
            "munged",
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={self.base}/munge/socket",
            f"--pid-file={self.base}/munge/pid",
            f"--seed-file={self.base}/munge/seed",
            f"--log-file={self.base}/munge/log",
        )
        wait_until((self.base / "munge" / "socket").exists, "munged listens")

    def _spawn(self, program: str, *arguments: str | Path) -> None:
        self.daemons.append(self._popen(program, [f"{SBIN}/{program}", *map(str, arguments)]))

    def _popen(self, name: str, words: list[str]) -> subprocess.Popen:
        with (self.base / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=self._environment(),
            )

    def _environment(self) -> dict[str, str]:
        return {"PATH": f"/usr/bin:/bin:{SBIN}", "SLURM_CONF": str(self.config)}

    def _idle(self) -> int:
        return self.root("sinfo", "-h", "-N", "-p", "high", "-o", "%t").split().count("idle")

    # ---- commands ----

    def root(self, *words: str) -> str:
        done = subprocess.run(
            words,
            env=self._environment(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        return done.stdout.strip()

    def submit(self, *words: str | Path, folder: Path, environment: dict[str, str]) -> int:
        """sbatch as the ordinary user; the job's number."""
        command = [
            "setpriv",
            f"--reuid={self.user}",
            f"--regid={self.user}",
            "--clear-groups",
            "sbatch",
            "--parsable",
            *map(str, words),
        ]
        done = subprocess.run(
            command,
            cwd=folder,
            env=self._environment() | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split(";")[0])

    def job(self, number: int | str) -> dict[str, str]:
        """What `scontrol show job` tells: JobState, NodeList, Restarts, ..."""
        words = self.root("scontrol", "-o", "show", "job", str(number)).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def hasten(self, number: int, node: str) -> None:
        """Starts a requeued job at once on a node that it was not on just before, where it need not
        wait for its old credential to expire."""
        self.root("scontrol", "update", f"job={number}", f"ReqNodeList={node}", "StartTime=now")
