"""The processes that serve, once they run."""

import atexit
import contextlib
import http.client
import json
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

INVOCATION_SECONDS = 60.0
STOP_SECONDS = 3.0

_running: set["Container"] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Reply:
    """A container's answer to an invocation."""

    status: int
    content_type: str
    body: bytes
    custom_attributes: str | None


@dataclass(eq=False)
class Container:
    """One model server process."""

    title: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    def __post_init__(self) -> None:
        with _lock:
            _running.add(self)

    def ping(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def invoke(self, body: bytes, content_type: str, accept: str, custom_attributes: str | None) -> Reply:
        headers = {"Content-Type": content_type, "Accept": accept}
        if custom_attributes:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = custom_attributes
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=INVOCATION_SECONDS)
        try:
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            return Reply(
                status=response.status,
                content_type=response.getheader("Content-Type", "application/octet-stream"),
                body=response.read(),
                custom_attributes=response.getheader("X-Amzn-SageMaker-Custom-Attributes"),
            )
        finally:
            connection.close()

    def failed_download(self) -> str | None:
        """The address of the artifact that the process could not get, if that is why it ended."""
        with contextlib.suppress(FileNotFoundError):
            return str(json.loads((self.folder / "failure.json").read_text())["url"])
        return None

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


@dataclass(eq=False)
class Fleet:
    """What one endpoint configuration runs: a chain of containers for each variant."""

    variants: dict[str, list[Container]] = field(default_factory=dict)
    _requests: int = 0
    _quiet: threading.Condition = field(default_factory=threading.Condition)

    def enter(self) -> None:
        """A request begins: drain() waits until it has called leave()."""
        with self._quiet:
            self._requests += 1

    def leave(self) -> None:
        with self._quiet:
            self._requests -= 1
            self._quiet.notify_all()

    def invoke(self, variant: str, body: bytes, content_type: str, accept: str, attributes: str | None) -> Reply:
        chain = self.variants[variant]
        reply = Reply(200, content_type, body, attributes)
        for position, container in enumerate(chain, start=1):
            last = position == len(chain)
            reply = container.invoke(reply.body, reply.content_type, accept if last else "*/*", attributes)
            if reply.status != 200:
                break
        return reply

    def drain(self) -> None:
        """Stop once the requests that it serves are answered."""
        with self._quiet:
            self._quiet.wait_for(lambda: self._requests == 0, timeout=INVOCATION_SECONDS)
        self.stop()

    def stop(self) -> None:
        for chain in self.variants.values():
            for container in chain:
                container.stop()


@atexit.register
def stop_everything() -> None:
    """End every hosting process, at once."""
    with _lock:
        containers = list(_running)
    for container in containers:
        container.process.kill()
    for container in containers:
        container.stop()
