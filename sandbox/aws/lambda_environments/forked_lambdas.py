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
from typing import IO, Any

from ministack.core import lambda_runtime

from sandbox.aws.lambda_environments import zygote
from sandbox.aws.patches.lambda_.lambda_runtime import packages_folder

# So many are kept while none of their forks runs.
IDLE_ZYGOTES = 2
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

    def __init__(self, folder: str) -> None:
        self.folder = folder
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "AWS_CA_BUNDLE")
        mark = "SANDBOX_DIRECTORY"
        environment = {name: os.environ[name] for name in (*names, mark) if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-S", "-m", zygote.MODULE],
                cwd=folder,
                env={**environment, "PYTHONPATH": str(packages_folder())},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket = ours
        self._socket.settimeout(START_SECONDS)
        self.forks: list[Fork] = []
        if self._socket.recv(16) != b"ready":
            self.close()
            raise OSError(f"{folder} is no bundle that can be imported beforehand")

    def start(self, folder: str, environment: dict[str, str]) -> Fork:
        out, output = os.pipe()
        end, end_of_output = os.pipe()
        try:
            message = json.dumps({"folder": folder, "environment": environment}).encode() + b"\n"
            fds = array.array("i", [output, end_of_output])
            sent = self._socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            self._socket.sendall(message[sent:])
            pid = int(self._socket.recv(16))
        except BaseException:
            os.close(out)
            os.close(end)
            raise
        finally:
            os.close(output)
            os.close(end_of_output)
        fork = Fork(pid, out, end)
        self.forks = [child for child in self.forks if child.poll() is None] + [fork]
        return fork

    @property
    def is_idle(self) -> bool:
        return all(fork.poll() is not None for fork in self.forks)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(START_SECONDS)


class Zygotes:
    """One for each SDK that the bundles bring, the last used ones at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, Zygote] = {}
        self._none_for: set[str] = set()

    def start(self, folder: str, environment: dict[str, str]) -> Fork | None:
        """Start an environment; None if the bundle brings no SDK, or one that cannot be imported beforehand."""
        with self._lock:
            sdk = _libraries(folder)
            if sdk is None or sdk in self._none_for:
                return None
            try:
                parent = self._living(sdk) or Zygote(folder)
                fork = parent.start(folder, environment)
            except (OSError, ValueError):
                self._none_for.add(sdk)
                return None
            self._of[sdk] = parent
            self._close_idle()
            return fork

    def _living(self, sdk: str) -> Zygote | None:
        """The SDK's, unless the folder was removed from which it reads what it needs later."""
        parent = self._of.pop(sdk, None)
        if parent and not Path(parent.folder).is_dir():
            parent.close()
            return None
        return parent

    def _close_idle(self) -> None:
        idle = [sdk for sdk, parent in self._of.items() if parent.is_idle]
        for sdk in idle[: max(0, len(idle) - IDLE_ZYGOTES)]:
            self._of.pop(sdk).close()


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
