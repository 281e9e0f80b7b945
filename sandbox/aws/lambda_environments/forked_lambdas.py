"""Lambda's environments as forks of one process that has imported the SDK (zygote.py), in place of processes alone."""

import array
import contextlib
import functools
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, TypeVar

from ministack.core import lambda_runtime

from sandbox.aws.lambda_environments import zygote
from sandbox.aws.patches.lambda_.lambda_runtime import packages_folder

# So many are kept, of the bundles' while none of their environments runs.
IDLE_SDKS = 2
IDLE_BUNDLES = 4
START_SECONDS = 30
# What a bundle has that is not a library.
OWN = "lambdas"


class Fork:
    """The process of one environment: as much of a Popen as MiniStack uses."""

    def __init__(self, pid: int, output: int, end: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout: IO[bytes] = os.fdopen(output, "rb")
        self._end = end
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                readable, _, _ = select.select([self._end], [], [], timeout)
                if not readable:
                    raise subprocess.TimeoutExpired("a Lambda environment", timeout or 0)
                # Nothing: the zygote has ended, and so has it.
                self.returncode = int(os.read(self._end, 16) or -signal.SIGKILL)
                os.close(self._end)
            return self.returncode

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Zygote:
    """The server's end of a zygote. Raises OSError when it cannot import what the bundle brings."""

    def __init__(self, folder: str, own: socket.socket, process: "subprocess.Popen[bytes] | Fork") -> None:
        self.folder = folder
        self._socket = own
        self._socket.settimeout(START_SECONDS)
        self._process = process
        if self._socket.recv(16) != b"ready":
            self.close()
            raise OSError(f"{folder} is no bundle that can be imported beforehand")

    def _fork(self, message: dict[str, Any], handed: int) -> tuple[int, int]:
        """Return a fork's process number, and the pipe for its exit code. `handed` is the fork's own afterwards."""
        end, end_of_output = os.pipe()
        try:
            line = json.dumps({"folder": self.folder, **message}).encode() + b"\n"
            fds = array.array("i", [handed, end_of_output])
            sent = self._socket.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            self._socket.sendall(line[sent:])
            return int(self._socket.recv(16)), end
        except BaseException:
            os.close(end)
            raise
        finally:
            os.close(handed)
            os.close(end_of_output)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(START_SECONDS)


class SdkZygote(Zygote):
    """It has imported an SDK, and its forks are the zygotes of the bundles that bring the same."""

    def __init__(self, folder: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "AWS_CA_BUNDLE")
        mark = "SANDBOX_DIRECTORY"
        environment = {name: os.environ[name] for name in (*names, mark) if name in os.environ}
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-S", "-m", zygote.MODULE],
                cwd=folder,
                env={**environment, "PYTHONPATH": str(packages_folder())},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        super().__init__(folder, ours, process)

    def bundle(self, folder: str) -> "BundleZygote":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        process, end = self._fork({"folder": folder}, theirs.detach())
        return BundleZygote(folder, ours, Fork(process, os.open(os.devnull, os.O_RDONLY), end))


class BundleZygote(Zygote):
    """It has imported the functions' own modules too, and its forks are their environments."""

    def __init__(self, folder: str, own: socket.socket, process: Fork) -> None:
        super().__init__(folder, own, process)
        self.forks: list[Fork] = []

    def start(self, environment: dict[str, str]) -> Fork:
        out, output = os.pipe()
        try:
            process, end = self._fork({"environment": environment}, output)
        except BaseException:
            os.close(out)
            raise
        fork = Fork(process, out, end)
        self.forks = [child for child in self.forks if child.poll() is None] + [fork]
        return fork

    @property
    def is_idle(self) -> bool:
        return all(fork.poll() is not None for fork in self.forks)


class Zygotes:
    """One for each SDK that the bundles bring, and one for each bundle, the last used ones at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_sdk: dict[str, SdkZygote] = {}
        self._of_bundle: dict[str, BundleZygote] = {}
        self._none_for: set[str] = set()

    def start(self, folder: str, environment: dict[str, str]) -> Fork | None:
        """Start an environment; None if the bundle brings no SDK, or one that cannot be imported beforehand."""
        with self._lock:
            sdk, name = _libraries(folder), _bundle(folder, environment)
            if sdk is None or sdk in self._none_for:
                return None
            try:
                bundle = _living(self._of_bundle, name) or self._sdk(sdk, folder).bundle(folder)
                fork = bundle.start(environment)
            except (OSError, ValueError):
                self._none_for.add(sdk)
                return None
            self._of_bundle[name] = bundle
            self._close_idle()
            return fork

    def _sdk(self, sdk: str, folder: str) -> SdkZygote:
        self._of_sdk[sdk] = _living(self._of_sdk, sdk) or SdkZygote(folder)
        return self._of_sdk[sdk]

    def _close_idle(self) -> None:
        for sdk in list(self._of_sdk)[:-IDLE_SDKS]:
            self._of_sdk.pop(sdk).close()
        idle = [name for name, bundle in self._of_bundle.items() if bundle.is_idle]
        for name in idle[: max(0, len(idle) - IDLE_BUNDLES)]:
            self._of_bundle.pop(name).close()


Z = TypeVar("Z", bound=Zygote)


def _living(zygotes: dict[str, Z], name: str) -> Z | None:
    """Take a zygote out, and return it unless the folder was removed from which it reads what it needs later."""
    parent = zygotes.pop(name, None)
    if parent and not Path(parent.folder).is_dir():
        parent.close()
        return None
    return parent


def _bundle(folder: str, environment: dict[str, str]) -> str:
    """A name for all functions whose modules are the same when they are imported: of one bundle and one configuration.

    What the runtime itself sets differs between functions, and no module may read it while it is imported.
    """
    own = {name: value for name, value in environment.items() if not name.startswith(("AWS_", "_", "SANDBOX_"))}
    return f"{folder} {json.dumps(own, sort_keys=True)}"


@functools.lru_cache(maxsize=128)
def _libraries(folder: str) -> str | None:
    """A digest of all that a bundle brings beside its own code, if the SDK is among it.

    It may be kept: the folder's name says what is in it.
    """
    if not (Path(folder) / "botocore").is_dir():
        return None
    digest = hashlib.sha256()
    for top in sorted(Path(folder).iterdir()):
        if top.name in (OWN, "bootstrap", "__pycache__"):
            continue
        for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if "__pycache__" not in file.parts and file.is_file():
                digest.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
    return digest.hexdigest()


class Subprocess:
    """The module `subprocess` as MiniStack's Lambda sees it: an environment with our bootstrap is a fork."""

    def __init__(self) -> None:
        self._zygotes = Zygotes()

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, command: list[str], **options: Any) -> Any:  # noqa: N802 - its name
        environment = options.get("env") or {}
        if Path(command[0]).name == "bootstrap" and "SANDBOX_LAMBDA_RUNTIME" in environment:
            fork = self._zygotes.start(options["cwd"], environment)
            if fork is not None:
                return fork
        return subprocess.Popen(command, **options)  # noqa: S603 - MiniStack's own command


def install() -> None:
    lambda_runtime.subprocess = Subprocess()
