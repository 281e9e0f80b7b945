"""Twenty promotions at once to five endpoints."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator

import pytest

from tests.integration.lock.test_locks import held
from tests.integration.world import ExecutionResult, World

CROWDS = [f"crowd-{number}" for number in range(1, 6)]
EACH = 4


@pytest.fixture(scope="module")
def ended(module_world: World) -> Iterator[dict[str, list[ExecutionResult]]]:
    """How the promotions of each application ended, in the order in which their models were made."""
    world = module_world
    models = {crowd: [world.model() for _ in range(EACH)] for crowd in CROWDS}
    begun = [(crowd, number) for crowd in CROWDS for number in range(EACH)]
    random.Random(7).shuffle(begun)  # noqa: S311 - no secret
    started = {
        (crowd, number): world.start(application=crowd, stage="qa", model_name=models[crowd][number].name)
        for crowd, number in begun
    }
    yield {crowd: [world.wait(started[crowd, number], seconds=300) for number in range(EACH)] for crowd in CROWDS}


def test_every_one_ends_and_none_but_older_models_is_refused(ended: dict[str, list[ExecutionResult]]) -> None:
    failures = {end.error for crowd in CROWDS for end in ended[crowd] if end.status != "SUCCEEDED"}
    assert failures <= {"OlderModel"}
    assert [crowd for crowd in CROWDS if ended[crowd][-1].status != "SUCCEEDED"] == []


def test_no_two_at_a_time_are_at_work_on_one_endpoint(
    module_world: World, ended: dict[str, list[ExecutionResult]]
) -> None:
    for crowd in CROWDS:
        spans = sorted(held(module_world, end.arn) for end in ended[crowd])
        assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans)), crowd


def test_the_last_that_serves_is_the_newest(module_world: World, ended: dict[str, list[ExecutionResult]]) -> None:
    sagemaker = module_world.client("sagemaker", "qa")
    for crowd in CROWDS:
        endpoint = sagemaker.describe_endpoint(EndpointName=crowd)
        assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", ended[crowd][-1].config)


def test_each_has_its_record_and_its_own_fence(module_world: World, ended: dict[str, list[ExecutionResult]]) -> None:
    for crowd in CROWDS:
        records = module_world.records_of(f"{crowd}/qa")
        assert {record["execution"] for record in records} == {end.arn for end in ended[crowd]}
        assert sorted(int(record["fence"]) for record in records) == [1, 2, 3, 4]
        refused = [record for record in records if record["outcome"] == "Refused"]
        assert all(re.search("whose model is newer", record["cause"]) for record in refused)
