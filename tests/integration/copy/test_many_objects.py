"""A model of thousands of objects, with keys as people have them, goes from dev to qa and on to production.

With 1,001 files below a prefix it is one of the tests; with 25,000 objects it takes minutes (`make test-large`, which
prints the times).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.world import APPLICATION, INFERENCE, ExecutionResult, World

STATE_LIMIT = 256 * 1024  # bytes (AWS: Step Functions quotas)
LONGEST_KEY = 1024  # bytes (AWS: S3, object key naming)
LONGEST_FOLDER = len("artifacts/text-classifier/production/") + 33  # the digest and a slash

# As files, which SageMaker lays out for the container.
FILES = [
    "with space and.dots.bin",
    " leading and trailing ",
    "plus+percent%20and%.bin",
    "..hidden/v1..2/weights..bin",
    "ünïcode/模型/emoji-🤖.bin",
    "quotes'\"&<>.bin",
    "wild*card?.bin",
    "(a)[b]{c}!$,;:@=#~^|.bin",
    "back\\slash.bin",
    "${aws:username}.bin",
    "same/name",
    "same/Name",
    "x" * 255,
]
# As objects that a container reads by itself, also such as cannot be files.
OBJECTS = ["config.json", "a//b.bin", "x/../y.bin", "./z.bin", "folder/", "weights", "weights/one.bin"]


def long_key() -> str:
    """The longest that still fits below the longest folder, in names of at most 255 bytes."""
    room = LONGEST_KEY - LONGEST_FOLDER
    names = []
    while room > 256:
        names.append("l" * 255)
        room -= 256
    return "/".join([*names, "l" * room])


def objects(first: list[str], count: int) -> dict[str, bytes]:
    """That many objects: the first ones, and one after the other of which every tenth is empty."""
    contents = {key: key.encode() for key in first}
    for number in range(count - len(contents)):
        contents[f"shards/{number:05}.bin"] = b"" if number % 10 == 0 else number.to_bytes(4, "big")
    return contents


@dataclass(frozen=True)
class Case:
    """How many objects lie below the model's own prefix, and how many below one in a variable."""

    files: int
    objects: int
    seconds: int = 120  # for a promotion


@dataclass(frozen=True)
class Scenario:
    """Where everything lay in dev, and what became of it."""

    case: Case
    tree: dict[str, bytes]
    more: dict[str, bytes]
    model: str
    ended: dict[str, ExecutionResult]

    @property
    def count(self) -> int:
        return len(self.tree) + len(self.more)


FEW = Case(files=1001, objects=21)
MANY = Case(files=20, objects=24_980, seconds=3600)


@pytest.fixture(
    scope="module", params=[pytest.param(FEW, id="1,022"), pytest.param(MANY, id="25,000", marks=pytest.mark.large)]
)
def scenario(request: pytest.FixtureRequest, module_world: World) -> Iterator[Scenario]:
    world, case = module_world, request.param
    own = {"weights.json": b'{"name": "many"}', "code/inference.py": INFERENCE}
    tree = objects([*FILES, long_key()], case.files - len(own)) | own
    more = objects([*OBJECTS, *FILES, long_key()], case.objects)
    source = {"S3Uri": world.upload_tree(tree), "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = world.container(
        "many",
        ModelDataUrl=None,
        ModelDataSource={"S3DataSource": source},
        Environment={"HF_MODEL_ID": world.upload_tree(more)},
    )
    made = world.model(container=container)
    ended: dict[str, ExecutionResult] = {}
    for stage in ("qa", "production"):
        model = ended["qa"].model if ended else made.name
        arn = world.start(application=APPLICATION, stage=stage, model_name=model)
        ended[stage] = world.wait(arn, seconds=case.seconds)
        assert ended[stage].status == "SUCCEEDED", f"{ended[stage].error}: {ended[stage].cause}"
        report(world, stage, ended[stage])
    yield Scenario(case, tree, more, made.name, ended)


STAGES = pytest.mark.parametrize("stage", ["qa", "production"])


@STAGES
def test_every_object_is_there_and_nothing_else(module_world: World, scenario: Scenario, stage: str) -> None:
    model = module_world.client("sagemaker", stage).describe_model(ModelName=scenario.ended[stage].model)
    container = model["PrimaryContainer"]
    keys = module_world.artifacts_in(stage)
    for address, wanted in (
        (container["ModelDataSource"]["S3DataSource"]["S3Uri"], scenario.tree),
        (container["Environment"]["HF_MODEL_ID"], scenario.more),
    ):
        folder = address.removeprefix(f"s3://promote-{stage}-").partition("/")[2]
        assert sorted(key[len(folder) :] for key in keys if key.startswith(folder)) == sorted(wanted)


@STAGES
def test_every_object_is_verified_to_equal_the_source_s(module_world: World, scenario: Scenario, stage: str) -> None:
    output = scenario.ended[stage].output
    counts = [output[name] for name in ("artifacts", "artifacts_copied", "artifacts_verified_by_checksum")]
    assert counts == [scenario.count] * 3
    assert {"Copy the artifacts", "Verify the copies"} <= set(module_world.states(scenario.ended[stage].arn))
    assert output["bytes_copied"] == sum(len(body) for body in [*scenario.tree.values(), *scenario.more.values()])


@STAGES
def test_the_model_answers(module_world: World, scenario: Scenario, stage: str) -> None:
    assert scenario.ended[stage].status == "SUCCEEDED"
    assert module_world.invoke(stage)["model"] == "many"


@STAGES
def test_no_state_grows_with_the_number_of_objects(module_world: World, scenario: Scenario, stage: str) -> None:
    """With a tenth of what Step Functions takes for a state, the units' executions too."""
    for arn in with_units(module_world, scenario.ended[stage].arn):
        assert largest_event(module_world, arn) < STATE_LIMIT / 10


def test_the_same_promotion_again_finds_it_served(module_world: World, scenario: Scenario) -> None:
    arn = module_world.start(application=APPLICATION, stage="qa", model_name=scenario.model)
    promoted_before = module_world.wait(arn, seconds=scenario.case.seconds)
    assert (promoted_before.output["outcome"], promoted_before.output["artifacts_copied"]) == ("Unchanged", 0)


def test_a_second_promotion_copies_nothing(module_world: World, scenario: Scenario) -> None:
    module_world.client("sagemaker", "qa").delete_endpoint(EndpointName="text-classifier-qa")
    arn = module_world.start(application=APPLICATION, stage="qa", model_name=scenario.model)
    promoted_before = module_world.wait(arn, seconds=scenario.case.seconds)
    report(module_world, "qa again", promoted_before)

    assert promoted_before.output["outcome"] == "Promoted"
    assert (promoted_before.output["artifacts_copied"], promoted_before.output["artifacts_verified_by_checksum"]) == (
        0,
        scenario.count,
    )


def test_the_longest_key_is_as_long_as_a_key_can_be() -> None:
    """Of the stage whose folder is longest."""
    assert len(long_key().encode()) + LONGEST_FOLDER == LONGEST_KEY


# What is measured


def history(world: World, arn: str) -> list[dict[str, Any]]:
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def with_units(world: World, arn: str) -> list[str]:
    """An execution and those of its Map's units."""
    sfn = world.client("stepfunctions")
    runs = [run["mapRunArn"] for run in sfn.list_map_runs(executionArn=arn)["mapRuns"]]
    return [arn] + [unit["executionArn"] for run in runs for unit in sfn.list_executions(mapRunArn=run)["executions"]]


def largest_event(world: World, arn: str) -> int:
    """Bytes of the largest input or output of a state."""
    return max(
        len(str(details.get(field, "")).encode())
        for event in history(world, arn)
        for details in event.values()
        if isinstance(details, dict)
        for field in ("input", "output")
    )


def report(world: World, stage: str, ended: ExecutionResult) -> None:
    """Print how long each state took (pytest shows it with -s)."""
    entered = [
        (event["timestamp"], event["stateEnteredEventDetails"]["name"])
        for event in history(world, ended.arn)
        if event["type"].endswith("StateEntered")
    ]
    seconds: dict[str, float] = {}
    for (begin, name), (end, _) in itertools.pairwise(entered):
        seconds[name] = seconds.get(name, 0) + (end - begin).total_seconds()
    units = len(with_units(world, ended.arn)) - 1
    print(f"\n{stage}: {ended.output['artifacts_copied']} objects copied in {units} units, {ended.output['seconds']} s")
    for name, took in seconds.items():
        print(f"  {took:8.1f} s  {name}")
    largest = max(largest_event(world, arn) for arn in with_units(world, ended.arn))
    print(f"  {largest} bytes  largest input or output of a state")
