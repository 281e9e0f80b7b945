"""A container's output: into a file for debugging the sandbox, and into CloudWatch Logs where AWS puts it."""

import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs

from sandbox.aws.sagemaker.api import settings


def group_of(endpoint_name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


class ContainerLog:
    """Takes a container's lines as they come."""

    def __init__(self, endpoint_name: str, stream: str) -> None:
        self._group = group_of(endpoint_name)
        self._stream = stream
        folder = settings.logs_directory() / f"{get_account_id()}-{get_region()}"
        self._path: Path = folder / f"{endpoint_name}-{stream.replace('/', '-')}.log"
        self._file: IO[str]

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", buffering=1)
        if self._group not in cloudwatch_logs._log_groups:
            cloudwatch_logs._create_log_group({"logGroupName": self._group})
        cloudwatch_logs._create_log_stream({"logGroupName": self._group, "logStreamName": self._stream})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, line: str) -> None:
        self._file.write(line + "\n")
        cloudwatch_logs._put_log_events(
            {
                "logGroupName": self._group,
                "logStreamName": self._stream,
                "logEvents": [{"timestamp": int(time.time() * 1000), "message": line}],
            }
        )
