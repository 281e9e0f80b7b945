"""How a container's process starts: its folder is filled as SageMaker fills /opt/ml, then the model server runs."""

import concurrent.futures
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ministack.core.responses import get_account_id, get_region, request_scope

from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.api.roles import Credentials
from sandbox.aws.sagemaker.hosting import container_logs
from sandbox.aws.sagemaker.hosting.process import Process
from sandbox.aws.sagemaker.models import artifact_access, artifacts, file_names, model_data
from sandbox.aws.sagemaker.models.artifacts import Artifact
from sandbox.aws.sagemaker.state import Record

PROJECT = Path(__file__).resolve().parents[4]
POLL_SECONDS = 0.03
# What a container sees of the server's environment: enough to run Python, none of the settings.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")

# The kernel ties "my parent died" to the thread that started the child, so that thread must live as long as the server.
_starter = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="sagemaker-starter")


class HostingFailed(Exception):
    """A fleet did not come up; the text is the endpoint's FailureReason."""


@dataclass(frozen=True)
class ContainerContext:
    """Where a container stands in its model and endpoint, and who it is."""

    endpoint_name: str
    variant: str
    title: str
    log_stream: str
    role: str
    credentials: Credentials
    isolated: bool
    ping_seconds: float


def start(context: ContainerContext, definition: Record, required: list[Artifact]) -> Process:
    """Fetch the artifacts and start the process; it need not be healthy yet. Raises HostingFailed."""
    _require_readable(context, required)
    folder = Path(tempfile.mkdtemp(prefix=f"sagemaker-{context.endpoint_name[:20]}-"))
    try:
        _fill(folder / "ml", context, definition, required)
        return _run(folder, context, definition)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def await_health(process: Process, context: ContainerContext) -> None:
    """Return once the process answers /ping. Raises HostingFailed."""
    deadline = time.monotonic() + context.ping_seconds
    while time.monotonic() < deadline and process.runs:
        if process.ping():
            return
        time.sleep(POLL_SECONDS)
    raise HostingFailed(
        f"The {context.title} container for production variant {context.variant} did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint."
    )


def download_failed(title: str, uri: str) -> HostingFailed:
    return HostingFailed(
        f'Failed to download model data for container "{title}" from URL: "{uri}". Please ensure that there is '
        "an object located at the URL and that the role passed to CreateModel has permissions to download the object."
    )


def _require_readable(context: ContainerContext, required: list[Artifact]) -> None:
    for artifact in required:
        try:
            artifact_access.require_readable([artifact], context.credentials, context.role)
        except Invalid as error:
            raise download_failed(context.title, artifact.uri) from error


def _fill(root: Path, context: ContainerContext, definition: Record, required: list[Artifact]) -> None:
    (root / "model").mkdir(parents=True)
    client = artifact_access.s3_client(context.credentials)
    source = None if context.isolated else artifacts.source_archive(definition.get("Environment", {}))
    for artifact in [*required, *([source] if source else [])]:
        try:
            model_data.fetch(artifact, root, client)
        except model_data.DownloadFailed as error:
            raise download_failed(context.title, artifact.uri) from error
        except model_data.NotAnArchive as error:
            raise HostingFailed(
                f'Failed to extract model data archive for container "{context.title}" from URL: "{artifact.uri}". '
                "Please ensure that the object located at the URL is a valid tar.gz archive."
            ) from error
        except file_names.Unplaceable as error:
            raise HostingFailed(
                f'Failed to download model data for container "{context.title}" from URL: "{artifact.uri}". '
                f"Its objects cannot be laid out as files: {error}."
            ) from error


def _run(folder: Path, context: ContainerContext, definition: Record) -> Process:
    description = {
        "parent": os.getpid(),
        "root": str(folder / "ml"),
        "environment": definition.get("Environment", {}),
        "isolated": context.isolated,
        "region": context.credentials.region,
        "credentials": None if context.isolated else asdict(context.credentials),
    }
    (folder / "description.json").write_text(json.dumps(description))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = _starter.submit(_spawn, folder / "description.json", listener).result()
        process = Process(listener.getsockname()[1], child, folder)
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    _follow(child.stdout, context.endpoint_name, context.log_stream)
    return process


def _spawn(description: Path, listener: socket.socket) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {name: os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE") if name in os.environ}
    environment |= {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.Popen(  # noqa: S603 - our own module, with arguments that we wrote
        [sys.executable, "-m", "sandbox.aws.sagemaker.hosting.container", str(description), str(listener.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=description.parent,
        env=environment,
        pass_fds=(listener.fileno(),),
    )


def _follow(output: IO[bytes], endpoint_name: str, stream: str) -> None:
    account, region = get_account_id(), get_region()

    def follow() -> None:
        with request_scope(account, region), container_logs.ContainerLog(endpoint_name, stream) as log:
            for line in output:
                log.write(line.decode(errors="replace").rstrip("\n"))

    threading.Thread(target=follow, name=f"log of {endpoint_name}", daemon=True).start()
