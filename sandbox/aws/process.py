"""The server as a process of its own: started detached, found again, stopped with its children."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.aws import tie
from sandbox.aws.layout import PROJECT, Layout
from sandbox.aws.patches import registry

# Every process of a sandbox has its directory in this variable: that tells ours from a stranger's.
MARK = "SANDBOX_DIRECTORY"
HOST = "127.0.0.1"
START_SECONDS = 60
# Nothing of a sandbox is kept, so nothing has to be saved: a server that waits for its connections is killed.
GRACE_SECONDS = 1
LOG_LINES = 15
# Its threads come and go: with an arena for each, the C library would keep most of what they free.
FRUGAL = {"MALLOC_ARENA_MAX": "2"}


class SandboxFailed(Exception):
    """The sandbox cannot do what was asked. The message says why, and what to do."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int


def running(layout: Layout) -> Server | None:
    """The server that holds the directory. A crashed one holds nothing, whatever it left behind."""
    if not layout.lock.exists():
        return None
    with layout.lock.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Server(**json.loads(_read(layout.lock)))
    return None


def start(
    layout: Layout,
    *,
    port: int | None = None,
    wait_scale: float = 0.01,
    without: Collection[str] = (),
    tied: bool = False,
) -> Server:
    """Start a server and wait until it answers. A `tied` one ends with this process, in whatever way that ends.

    It runs `without` the patches of these names. Raises `SandboxFailed` as soon as the server dies, with the end of its
    log, and `UnknownPatch`.
    """
    registry.selected(without)
    stop(layout)
    # What the server before unpacked there: every function and every model.
    shutil.rmtree(layout.temporary, ignore_errors=True)
    layout.create()
    port = port or _free_port()
    if not _is_free(port):
        raise SandboxFailed(f"port {port} of {HOST} is in use: give another one with --port, or none")
    ties = [tie.tie(layout.root)] if tied else []
    with layout.server_log.open("ab") as log:
        log.seek(0, os.SEEK_END)
        begin = log.tell()
        child = subprocess.Popen(  # noqa: S603 - our own module
            [
                *(sys.executable, "-m", "sandbox.aws.server"),
                *("--directory", str(layout.root), "--port", str(port), "--wait-scale", str(wait_scale)),
                *(f"--without={name}" for name in without),
                *(f"--tied-to={end}" for end in ties),
            ],
            cwd=PROJECT,
            env={**os.environ, **FRUGAL, MARK: str(layout.root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=ties,
        )
    for end in ties:
        os.close(end)
    try:
        _wait_until_healthy(child, layout, port, begin)
    except BaseException:
        stop(layout)
        raise
    return Server(child.pid, port)


def stop(layout: Layout) -> bool:
    """Stop the server and all that it started; also what a crashed one left behind. True when there was any."""
    ours = list(_marked(layout))
    for signal in (psutil.Process.terminate, psutil.Process.kill):
        for process in _marked(layout):
            with contextlib.suppress(psutil.NoSuchProcess):
                signal(process)
        deadline = time.monotonic() + GRACE_SECONDS
        while (any(_marked(layout)) or running(layout)) and time.monotonic() < deadline:
            time.sleep(0.05)
    tie.untie(layout.root)
    return bool(ours)


@contextlib.contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Keep other processes from starting a sandbox in the directory. Raises `SandboxFailed` if one is doing so."""
    layout.create()
    with layout.starting.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SandboxFailed(
                f"another start or demo is at work in {layout.root}: wait for its end, or give another --dir"
            ) from error
        yield


def log_tail(path: Path, begin: int = 0) -> str:
    """The last lines that a log has after `begin`."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(begin)
        lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])


def _marked(layout: Layout) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(layout.root) and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _wait_until_healthy(child: "subprocess.Popen[bytes]", layout: Layout, port: int, begin: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _healthy(layout, port):
        if child.poll() is not None:
            reason = f"the server ended at once (exit code {child.returncode})"
            raise SandboxFailed(_with_log(reason, layout, begin))
        if time.monotonic() > deadline:
            raise SandboxFailed(_with_log(f"the server does not answer after {START_SECONDS} s", layout, begin))
        time.sleep(0.05)


def _with_log(reason: str, layout: Layout, begin: int) -> str:
    return f"{reason}. The end of {layout.server_log}:\n{log_tail(layout.server_log, begin)}"


def _healthy(layout: Layout, port: int) -> bool:
    if not layout.ca_bundle.exists():
        return False
    try:
        context = ssl.create_default_context(cafile=str(layout.ca_bundle))
        with urllib.request.urlopen(f"https://{HOST}:{port}/_ministack/health", timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _read(lock: Path) -> str:
    """What the holder wrote: it does so right after it took the lock."""
    for _ in range(100):
        text = lock.read_text()
        if text.endswith("}"):
            return text
        time.sleep(0.01)
    raise SandboxFailed(f"{lock} is held, but does not say by whom")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
