"""One contestant, one workload, in a process of its own: `python -m benchmarks.copy.measure '{"contestant": ...}'`.

It prints one line of JSON, a Measurement. The contestants' libraries are imported after time has become virtual, so
that no lock of theirs is a real one.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from unittest import mock

from benchmarks.copy.published import Speeds
from benchmarks.copy.simulation.simulated_s3 import BILLED_AS_READS, BILLED_AS_WRITES
from benchmarks.copy.simulation.virtual_time import patched
from benchmarks.copy.workflow import Workflow
from benchmarks.copy.world import WORKLOADS, Workload, World

# Name: module and function.
CONTESTANTS = {
    "Promote": ("promote", "by_work_units"),
    "Promote, cold": ("promote", "in_a_cold_hub"),
    "boto3": ("managed_copy", "with_defaults"),
    "boto3, tuned": ("managed_copy", "tuned"),
    "boto3, tuned, proved": ("managed_copy", "tuned_and_proved"),
    "aws s3 cp": ("aws_cli", "cp"),
    "one Lambda": ("one_lambda", "sequentially"),
}
# A run that takes longer hangs: its threads' places are printed.
_LONGEST_RUN = 2400


@dataclass(frozen=True)
class Measurement:
    """What a contestant took. Seconds are virtual, but for `cpu_seconds`: the processor time of the whole run.

    Promote's hold what is before the copy (looking at both ends) and after it (the verification), too;
    `fixed_seconds` of them are Step Functions' and Lambda's own.
    """

    seconds: float
    requests: dict[str, int]
    slowed_down: int
    cpu_seconds: float
    transitions: int = 0
    invocations: int = 0
    lambda_seconds: float = 0.0
    gb_seconds: float = 0.0
    longest_invocation: float = 0.0
    fixed_seconds: float = 0.0
    states: dict[str, float] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return sum(number for operation, number in self.requests.items() if operation in BILLED_AS_WRITES)

    @property
    def reads(self) -> int:
        return sum(number for operation, number in self.requests.items() if operation in BILLED_AS_READS)


def measure(contestant: str, workload: Workload, speeds: Speeds) -> Measurement:
    """Let a contestant copy a workload. Raises RuntimeError if something did not arrive whole, or was left open."""
    random.seed(0)  # the jitter of retries
    world = World(workload, speeds)
    with patched(world.clock), mock.patch.dict(os.environ):
        module, function = CONTESTANTS[contestant]
        copy: Callable[[World], Workflow | None] = getattr(
            importlib.import_module(f"benchmarks.copy.contestants.{module}"), function
        )
        cpu_before = time.process_time()
        usage: Workflow | None = world.clock.run(lambda: copy(world))
        cpu_seconds = time.process_time() - cpu_before
    if missing := world.missing():
        raise RuntimeError(f"{contestant} left out {len(missing)} of {workload.objects} objects, first {missing[0]}.")
    if world.s3.open_uploads():
        raise RuntimeError(f"{contestant} left {world.s3.open_uploads()} uploads open.")
    counted = {field.name for field in dataclasses.fields(Measurement) if field.default is not dataclasses.MISSING}
    counted.add("states")
    return Measurement(
        seconds=world.clock.now,
        requests=dict(world.s3.requests),
        slowed_down=world.s3.slowed_down,
        cpu_seconds=cpu_seconds,
        **{name: value for name, value in vars(usage).items() if name in counted} if usage else {},
    )


def main() -> None:
    """Do what the first argument says and leave at once: threads that still wait are not waited for."""
    faulthandler.dump_traceback_later(_LONGEST_RUN, exit=True)
    order = json.loads(sys.argv[1])
    with redirect_stdout(sys.stderr):  # what contestants print
        measurement = measure(order["contestant"], WORKLOADS[order["workload"]], Speeds(**order["speeds"]))
    sys.stdout.write(json.dumps(dataclasses.asdict(measurement)) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
