"""The processes that serve: one per container of each variant, however many instances the configuration asks for."""

import concurrent.futures
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ministack.core.responses import get_account_id, get_region, request_scope

from sandbox.sagemaker import artifacts, container_logs, models, roles, settings
from sandbox.sagemaker.errors import Invalid
from sandbox.sagemaker.fleet import Container, Fleet
from sandbox.sagemaker.state import Record

PROJECT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.03
# What a container sees of the server's environment: enough to run Python, none of the settings.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")

# The kernel ties "my parent died" to the thread that started the child, so that thread must live as long as the server.
_starter = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="sagemaker-starter")


class HostingFailed(Exception):
    """A fleet did not come up; the text is the endpoint's FailureReason."""


def launch(endpoint_name: str, config: Record) -> Fleet:
    """Start what a configuration asks for and wait until it is healthy. Raises HostingFailed, and leaves nothing."""
    fleet = Fleet()
    variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
    try:
        for variant in variants:
            fleet.variants[variant["VariantName"]] = chain = []
            for place, definition in _places(variant):
                chain.append(_start(endpoint_name, variant["VariantName"], place, definition))
        for variant in variants:
            for container in fleet.variants[variant["VariantName"]]:
                _await_health(container, variant)
    except BaseException:
        fleet.stop()
        raise
    return fleet


@dataclass(frozen=True)
class Place:
    """Which container of a model this is, and the model's say about all of them."""

    title: str
    role: str
    isolated: bool


def _places(variant: Record) -> Iterator[tuple[Place, Record]]:
    try:
        model = models.find(variant["ModelName"])
        containers = models.resolved_containers(model)
    except Invalid as error:
        raise HostingFailed(error.message) from error
    for number, container in enumerate(containers, start=1):
        title = container.get("ContainerHostname") or ("primary" if number == 1 else f"container-{number}")
        yield Place(title, model["ExecutionRoleArn"], bool(model.get("EnableNetworkIsolation"))), container


def _start(endpoint_name: str, variant_name: str, place: Place, definition: Record) -> Container:
    instance = f"i-{secrets.token_hex(8)}"
    credentials = _credentials(place, definition)
    folder = Path(tempfile.mkdtemp(prefix=f"sagemaker-{endpoint_name[:20]}-"))
    (folder / "description.json").write_text(
        json.dumps(
            {
                "parent": os.getpid(),
                "root": str(folder / "ml"),
                "failure": str(folder / "failure.json"),
                "artifacts": [artifact.as_record() for artifact in artifacts.of_container(definition)],
                "environment": definition.get("Environment", {}),
                "isolated": place.isolated,
                "credentials": asdict(credentials),
            }
        )
    )
    listener = socket.create_server(("127.0.0.1", 0))
    process = _starter.submit(_spawn, folder / "description.json", listener).result()
    stream = f"{variant_name}/{instance}"
    container = Container(place.title, listener.getsockname()[1], process, folder)
    listener.close()
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    _follow(process.stdout, endpoint_name, stream)
    return container


def _spawn(description: Path, listener: socket.socket) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {name: os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE") if name in os.environ}
    environment |= {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.Popen(  # noqa: S603 - our own module, with arguments that we wrote
        [sys.executable, "-m", "sandbox.sagemaker.container", str(description), str(listener.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=description.parent,
        env=environment,
        pass_fds=(listener.fileno(),),
    )


def _credentials(place: Place, definition: Record) -> roles.Credentials:
    try:
        credentials = roles.assume(place.role, "SageMaker")
        artifacts.require_readable(definition, credentials, place.role)
    except (roles.CannotAssume, Invalid) as error:
        urls = [artifact.uri for artifact in artifacts.of_container(definition)]
        raise HostingFailed(_download_failed(place.title, urls[0] if urls else "")) from error
    return credentials


def _await_health(container: Container, variant: Record) -> None:
    allowed = min(
        settings.ping_seconds(), float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", float("inf")))
    )
    deadline = time.monotonic() + allowed
    while time.monotonic() < deadline and container.process.poll() is None:
        if container.ping():
            return
        time.sleep(POLL_SECONDS)
    if url := container.failed_download():
        raise HostingFailed(_download_failed(container.title, url))
    raise HostingFailed(
        f"The {container.title} container for production variant {variant['VariantName']} did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint."
    )


def _download_failed(title: str, url: str) -> str:
    return (
        f'Failed to download model data for container "{title}" from URL: "{url}". Please ensure that there is '
        "an object located at the URL and that the role passed to CreateModel has permissions to download the object."
    )


def _follow(output: IO[bytes], endpoint_name: str, stream: str) -> None:
    account, region = get_account_id(), get_region()

    def follow() -> None:
        with request_scope(account, region), container_logs.ContainerLog(endpoint_name, stream) as log:
            for line in output:
                log.write(line.decode(errors="replace").rstrip("\n"))

    threading.Thread(target=follow, name=f"log of {endpoint_name}", daemon=True).start()
