"""What a contestant finds: objects in a bucket, a simulated S3, and clients that know nothing of either's nature."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.copy.published import Speeds
from benchmarks.copy.simulation.machines import Machine
from benchmarks.copy.simulation.s3_http import request_of
from benchmarks.copy.simulation.simulated_s3 import SimulatedS3
from benchmarks.copy.simulation.simulated_sts import ROLE_ASSUMED
from benchmarks.copy.simulation.virtual_time import VirtualTime

SOURCE = "sagemaker-us-east-1-222222222222"
# As Promote calls the artifact bucket of an environment `qa`.
TARGET = "promote-qa-333333333333-us-east-1"
PREFIX = "model/"


@dataclass(frozen=True)
class Workload:
    """So many objects of a size, in bytes."""

    name: str
    objects: int
    size: int

    @property
    def bytes(self) -> int:
        return self.objects * self.size

    @property
    def keys(self) -> list[str]:
        return [f"{PREFIX}{number:05d}.bin" for number in range(self.objects)]


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("10 MB", 1, 10**7),
        Workload("1 GB", 1, 10**9),
        Workload("20 GB", 1, 20 * 10**9),
        Workload("140 GB", 1, 140 * 10**9),
        Workload("1 TB", 1, 10**12),
        Workload("10 TB", 1, 10 * 10**12),
        Workload("10,000 x 1 MB", 10_000, 10**6),
        Workload("100,000 x 1 MB", 100_000, 10**6),
    )
}


class World:
    """One run: the clock, S3 with the workload in its source bucket, and the machines."""

    def __init__(self, workload: Workload, speeds: Speeds) -> None:
        self.workload, self.speeds = workload, speeds
        self.clock = VirtualTime()
        self.s3 = SimulatedS3(self.clock, speeds)
        # Where a contestant puts an object, if not under the same key.
        self.target_keys: dict[str, str] = {}
        for key in workload.keys:
            self.s3.put(SOURCE, key, workload.size)

    def machine(self, *, cpus: float = 1.0) -> Machine:
        return Machine(self.clock, cpus=cpus)

    def serve(self, events: Any, response: Callable[..., Any], machine: Machine) -> None:
        """Let the simulation answer a session's or client's requests to S3 and STS, which the machine sends.

        `events` is its event system, `response` its AWSResponse: the AWS CLI carries a botocore of its own. What comes
        before (parameters, endpoints, signing) and after (parsing, errors, retries) is botocore's own.
        """

        def respond(request: Any, event_name: str, **_: Any) -> Any:
            machine.compute(self.speeds.cpu_per_request)
            operation = event_name.rpartition(".")[2]
            if operation == "AssumeRole":
                self.clock.sleep(self.speeds.latency)
                answer = ROLE_ASSUMED
            else:
                answer = self.s3.respond(operation, request_of(request))
            return response(request.url, answer.status, dict(answer.headers), _Raw(answer.body))

        for service in ("s3", "sts"):
            events.register(f"before-send.{service}", respond)

    def missing(self) -> list[str]:
        """Return the keys whose objects did not arrive whole in the target's bucket."""
        missing = []
        for key in self.workload.keys:
            arrived = self.s3.objects.get((TARGET, self.target_keys.get(key, key)))
            if arrived is None or arrived.content != self.s3.objects[SOURCE, key].content:
                missing.append(key)
        return missing


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()
