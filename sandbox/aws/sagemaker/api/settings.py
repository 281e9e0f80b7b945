"""What the server's environment says about the service. Read at each use, so that a test may change it."""

import functools
import os
import tempfile
from pathlib import Path

from ministack.services import stepfunctions

ENDPOINT_SECONDS = "SANDBOX_ENDPOINT_SECONDS"
PING_SECONDS = "SANDBOX_PING_SECONDS"
LOGS = "SANDBOX_LOGS"


def endpoint_seconds() -> float:
    """The least time that an endpoint spends in Creating or Updating."""
    return float(os.environ.get(ENDPOINT_SECONDS, "1.0"))


def ping_seconds() -> float:
    """How long a container may take until it answers /ping."""
    return float(os.environ.get(PING_SECONDS, "60"))


def sandbox_time(seconds: float) -> float:
    """Seconds of a deployment policy in sandbox time, on the scale of the state machines' waits."""
    return seconds * float(stepfunctions._SFN_WAIT_SCALE)


def logs_directory() -> Path:
    directory = Path(os.environ[LOGS]) if LOGS in os.environ else _temporary_logs()
    return directory / "endpoints"


@functools.cache
def _temporary_logs() -> Path:
    return Path(tempfile.mkdtemp(prefix="sandbox-logs-"))
