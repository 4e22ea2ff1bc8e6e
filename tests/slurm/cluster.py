"""A real SLURM cluster on one machine: a controller, two CPU nodes and two GPU nodes with stand-in GPUs.

Needs root, Debian's packages and Linux namespaces. Every node is a slurmd in process and mount namespaces of its
own: to the nodes' processes they are machines of their own, a node that is killed takes all its jobs with it, and
the cluster's configuration lies over /etc/slurm there and nowhere else. Nothing outside the cluster's folder is
written, but for the packages' installation.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PACKAGES = ("munge", "slurm-client", "slurmctld", "slurmd")
NO_SERVICES = Path("/usr/sbin/policy-rc.d")  # asked by Debian's packages before they start a service
CPU_NODES = ("c1", "c2")
GPU_NODES = ("g1", "g2")
GPUS = 2  # of a node
STARTED = 30.0  # seconds within which daemons answer
OVER = threading.Event()  # set when a cluster is taken down: nothing is waited for any more
NAMESPACES = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
# The kernel ends what was started so when the thread that started it is gone, however the tests ended.
NOT_WITHOUT_ME = ("setpriv", "--pdeathsig", "KILL")

CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job may not begin before its old credential has expired: 120 s by default.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
# A dead node is noticed after 15 s and is back as soon as its slurmd is.
SlurmdTimeout=15
ReturnToService=2
# Between SIGTERM and SIGKILL of a job that has to end.
KillWait=10
MinJobAge=600
# Nodes of more processors and memory than the machine has: the tests' jobs are small.
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
# Without cgroups: a job is killed when a look at its processes, every 2 s, finds too much memory.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=cpu Nodes={cpu_nodes} Default=YES MaxTime=UNLIMITED PriorityTier=10 PreemptMode=OFF
PartitionName=gpu Nodes={gpu_nodes} MaxTime=UNLIMITED PriorityTier=10 PreemptMode=OFF
PartitionName=scavenge Nodes={gpu_nodes} MaxTime=UNLIMITED PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
"""


class UnavailableError(Exception):
    """SLURM cannot be installed or started here; the message says why."""


class Cluster:
    """A running cluster. Use it as a context manager: at the end all its processes are gone."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.starter = ThreadPoolExecutor(max_workers=1)  # its thread lives as long as this process

    def __enter__(self) -> "Cluster":
        try:
            install()
            self._configure()
            self._start_daemon("munged", *self._munged())
            self._wait("munged", lambda: (self.folder / "munge.socket").exists())
            self._start_daemon("slurmctld", "slurmctld", "-D", "-f", str(self.folder / "etc" / "slurm.conf"))
            self._wait("slurmctld", lambda: " is UP" in self.ask("scontrol", "ping"))
            for node in (*CPU_NODES, *GPU_NODES):
                self.start_node(node)
            self._wait("nodes", lambda: self.nodes_up() == {*CPU_NODES, *GPU_NODES})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the nodes with all jobs on them, then the controller; only processes that this object started."""
        OVER.set()
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.starter.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a process that ends with the cluster at the latest."""
        process = self.starter.submit(subprocess.Popen, [*NOT_WITHOUT_ME, *command], **options).result()
        self.processes.append(process)
        return process

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which SLURM's commands talk to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "etc" / "slurm.conf")}

    def ask(self, *command: str) -> str:
        """Return what one of SLURM's commands prints, errors included."""
        answer = subprocess.run(
            command, env=self.environment, timeout=60, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return answer.stdout.strip()

    def nodes_up(self) -> set[str]:
        """Return the names of the nodes that take jobs."""
        return set(self.ask("sinfo", "--noheader", "--Node", "--states=idle,mixed,alloc", "--format=%N").split())

    def start_node(self, node: str) -> None:
        """Start a node's slurmd, in a shell that also buries the processes that jobs leave behind."""
        mount = f"mount --bind {self.folder}/etc /etc/slurm"
        self._start_daemon(node, *NAMESPACES, "bash", "-c", f"{mount} && slurmd -D -N {node}; exit")

    def kill_node(self, node: str) -> None:
        """Let a node die as by a power failure: the kernel ends all processes of its namespace at once."""
        self.daemons[node].kill()
        self.daemons[node].wait()

    def hide(self, node: str, folder: Path) -> None:
        """Let a node not see what is in ``folder``, as where it is not on a shared file system."""
        started = self.daemons[node].pid
        (inside,) = Path(f"/proc/{started}/task/{started}/children").read_text().split()
        mount = ["mount", "-t", "tmpfs", "none", str(folder)]
        subprocess.run(["nsenter", "--target", inside, "--mount", *mount], check=True)

    def _configure(self) -> None:
        ports = free_ports(1 + len(CPU_NODES) + len(GPU_NODES))
        for part in ("etc", "spool", "controller"):
            (self.folder / part).mkdir()
        self.folder.chmod(0o755)
        described = {
            "folder": self.folder,
            "controller_port": ports.pop(),
            "nodes": "\n".join(
                f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports.pop()} CPUs=8 RealMemory=64000"
                f" Weight={weight}" + (f" Gres=gpu:{GPUS}" if node in GPU_NODES else "")
                # The last node has the least weight: it is taken first.
                for weight, node in zip(range(4, 0, -1), (*CPU_NODES, *GPU_NODES), strict=True)
            ),
            "cpu_nodes": ",".join(CPU_NODES),
            "gpu_nodes": ",".join(GPU_NODES),
        }
        (self.folder / "etc" / "slurm.conf").write_text(CONFIGURATION.format(**described))
        for number in range(GPUS):
            os.mknod(self.folder / f"gpu{number}", 0o20666, os.makedev(1, 3))  # a second /dev/null
        gpus = f"AutoDetect=off\nNodeName={','.join(GPU_NODES)} Name=gpu File={self.folder}/gpu[0-{GPUS - 1}]\n"
        (self.folder / "etc" / "gres.conf").write_text(gpus)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))

    def _munged(self) -> list[str]:
        files = {
            "socket": "munge.socket",
            "key-file": "munge.key",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munged.seed",
        }
        # Forced, since it finds a temporary folder too open for its files.
        return ["munged", "--foreground", "--force", *(f"--{key}={self.folder / name}" for key, name in files.items())]

    def _start_daemon(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as output:
            self.daemons[name] = self.start(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        if not wait(ready, STARTED):
            said = "\n".join(file.read_text()[-1000:] for file in sorted(self.folder.glob("*.out")))
            raise UnavailableError(f"{what} did not start in {STARTED:.0f} s:\n{said}")


def install() -> None:
    """Install what is missing of SLURM, without starting its services. Raises UnavailableError where that cannot be."""
    if os.geteuid() != 0:
        raise UnavailableError("only root can start a cluster with nodes of its own")
    try:
        subprocess.run([*NAMESPACES, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise UnavailableError("this machine allows no process and mount namespaces (unshare)") from None
    if all(shutil.which(program) for program in ("munged", "slurmctld", "slurmd", "sbatch")):
        return
    if not shutil.which("apt-get"):
        raise UnavailableError(f"SLURM is not here, and no apt-get to install {', '.join(PACKAGES)}")
    apt = ["apt-get", "install", "--yes", "--quiet", "--quiet", "--no-install-recommends", *PACKAGES]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_services():
        if subprocess.run(apt, env=quiet, capture_output=True).returncode == 0:
            return
        subprocess.run(["apt-get", "update", "--quiet", "--quiet"], env=quiet, capture_output=True)
        done = subprocess.run(apt, env=quiet, capture_output=True, text=True)
    if done.returncode:
        raise UnavailableError(f"{' '.join(PACKAGES)} cannot be installed:\n{done.stderr[-2000:]}")


@contextlib.contextmanager
def no_services() -> Iterator[None]:
    """Keep Debian's packages from starting their services in the block."""
    if NO_SERVICES.exists():
        yield
        return
    NO_SERVICES.write_text("#!/bin/sh\nexit 101\n")
    NO_SERVICES.chmod(0o755)
    try:
        yield
    finally:
        NO_SERVICES.unlink()


def free_ports(count: int) -> list[int]:
    """Return the numbers of ``count`` ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def wait(ready: Callable[[], bool], seconds: float, step: float = 0.2) -> bool:
    """Return whether ``ready`` became true within ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not OVER.is_set():
        if ready():
            return True
        time.sleep(step)
    return False
