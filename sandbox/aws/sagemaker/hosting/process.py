"""A model server process, once it runs."""

import atexit
import http.client
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

INVOCATION_SECONDS = 60.0
STOP_SECONDS = 3.0
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"

_running: set["Process"] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Invocation:
    """What one request asks of a model."""

    body: bytes
    content_type: str
    accept: str
    custom_attributes: str | None = None
    target_model: str | None = None
    target_container: str | None = None


@dataclass(frozen=True)
class Reply:
    """A container's answer to an invocation."""

    status: int
    content_type: str
    body: bytes
    custom_attributes: str | None


@dataclass(eq=False)
class Process:
    """One process that serves one model."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    def __post_init__(self) -> None:
        with _lock:
            _running.add(self)

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def ping(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def invoke(self, invocation: Invocation) -> Reply:
        headers = {"Content-Type": invocation.content_type, "Accept": invocation.accept}
        if invocation.custom_attributes:
            headers[CUSTOM_ATTRIBUTES] = invocation.custom_attributes
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=INVOCATION_SECONDS)
        try:
            connection.request("POST", "/invocations", invocation.body, headers)
            response = connection.getresponse()
            return Reply(
                status=response.status,
                content_type=response.getheader("Content-Type", "application/octet-stream"),
                body=response.read(),
                custom_attributes=response.getheader(CUSTOM_ATTRIBUTES),
            )
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        with _lock:
            _running.discard(self)


@atexit.register
def stop_everything() -> None:
    """End every hosting process, at once."""
    with _lock:
        processes = list(_running)
    for process in processes:
        process.process.kill()
    for process in processes:
        process.stop()
