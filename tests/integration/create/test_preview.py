"""The trial: a model is asked on a temporary endpoint before traffic moves, and nothing of that endpoint is left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lambdas.promotion.contract.settings import Settings, Trial
from lambdas.promotion.runtime.handler import LAST_ACT
from sandbox.aws.faults.sagemaker import Kind
from tests.integration import smoke_tests
from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.role_policies import without
from tests.integration.world import INFERENCE, Ended, World, tar

TRYING = [
    "Create the trial endpoint",
    "Smoke-test the trial endpoint",
    "Remove the trial endpoint",
]
SILENT = INFERENCE.replace(b'"asked": data', b'"asked": "nothing"')


@pytest.fixture(scope="module")
def settings(lasting_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    with smoke_tests.tested(lasting_world, deployed_settings, smoke_tests.TEXT, trial=Trial()) as now:
        yield now


@pytest.fixture(scope="module")
def world(lasting_world: World, settings: Settings) -> World:
    return lasting_world


def bad(world: World) -> dict[str, object]:
    """A model that starts and answers something else than its stage expects."""
    container = world.container("silent")
    container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = world.upload(
        "sourcedir.tar.gz", tar({"inference.py": SILENT})
    )
    return container


def trials_in(world: World) -> list[str]:
    return [name for name in world.made_in("qa") if "-trial-" in name]


def test_a_good_model_is_tried_goes_live_and_its_trial_is_gone(world: World) -> None:
    made = world.model()
    ended = world.promoted(made)

    states = [state for state in world.states(ended.arn) if state in [*TRYING, "Deploy the endpoint"]]
    assert list(dict.fromkeys(states)) == [*TRYING, "Deploy the endpoint"]
    for report in ("trial", "smoke"):
        (test,) = ended.output[report]["tests"]
        assert (test["asked"], test["failures"]) == ("a fine film (text/csv, 11 bytes)", 0)
    assert trials_in(world) == []
    assert world.ask("qa")["model"] == made.name


def test_a_bad_model_is_stopped_by_its_trial_while_the_old_one_serves_all_the_time(world: World) -> None:
    good = world.model()
    world.promoted(good)
    before = world.endpoint("qa")
    arn = world.start(application="text-classifier", stage="qa", model_name=world.model(container=bad(world)).name)
    heard, tried = set(), set()
    executions = world.client("stepfunctions")
    while executions.describe_execution(executionArn=arn)["status"] == "RUNNING":
        heard.add(world.ask("qa")["model"])
        tried.update(trials_in(world))
    ended = world.wait(arn)

    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    assert "It was a trial: the endpoint text-classifier-qa was not changed." in ended.cause
    assert 'it got status 200, {"model": "silent", "asked": "nothing"' in ended.cause
    assert world.record_of(arn)["outcome"] == "Refused"
    assert heard == {good.name}
    assert len(tried) == 2  # it was there: the endpoint and its configuration
    after = world.endpoint("qa")
    assert (after["EndpointConfigName"], after["LastModifiedTime"]) == (
        before["EndpointConfigName"],
        before["LastModifiedTime"],
    )
    assert {"Deploy the endpoint", "Roll back the endpoint"}.isdisjoint(world.states(arn))
    assert trials_in(world) == []


def test_a_dry_run_tells_of_the_trial_and_of_the_rights_that_it_lacks(world: World) -> None:
    made, before = world.model(), world.made_in("qa")

    def dry_run() -> Ended:
        return world.wait(world.start(application="text-classifier", stage="qa", model_name=made.name, dry_run=True))

    told = dry_run()
    with (
        without(world, "qa", "promote-qa-deployer", "TryModels", "sagemaker:DeleteEndpoint"),
        without(world, "qa", "promote-qa-invoker", "AskTrials"),
    ):
        lacking = dry_run()

    assert told.status == "SUCCEEDED", told.cause
    says = [one for one in told.output["says"] if one.startswith("The model would be tried first")]
    assert len(says) == 1
    assert lacking.error == "NotReady"
    for words in ("2 things are in the way", "sagemaker:DeleteEndpoint on", "sagemaker:InvokeEndpoint on", "-trial-"):
        assert words in lacking.cause
    assert world.made_in("qa") == before


def test_a_model_that_does_not_start_fails_its_trial_and_leaves_nothing(world: World) -> None:
    good = world.model()
    world.promoted(good)
    world.faults.inject("CreateEndpoint", Kind.FAIL, reason="The container did not start.")
    ended = world.promote(world.model())

    assert (ended.status, ended.error) == ("FAILED", "TrialFailed")
    assert "The container did not start. The endpoint text-classifier-qa was not changed." in ended.cause
    assert world.record_of(ended.arn)["outcome"] == "Errored"
    assert world.ask("qa")["model"] == good.name
    assert trials_in(world) == []


@pytest.mark.parametrize("state", [*TRYING, "Wait for the trial endpoint", "Wait for the removal"])
def test_the_trial_of_a_stopped_promotion_is_removed_and_the_next_one_works(world: World, state: str) -> None:
    made = world.model(container=slow_to_start(world, seconds=4))
    arn = world.start(application="text-classifier", stage="qa", model_name=made.name)
    world.wait_for_state(arn, state)
    world.client("stepfunctions").stop_execution(executionArn=arn)
    again = world.promote(made)

    assert again.status == "SUCCEEDED", again.cause
    deadline = time.monotonic() + LAST_ACT.total_seconds() + 30
    while trials_in(world):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_change_that_is_under_way_is_not_tried_but_tested_when_it_serves(world: World, settings: Settings) -> None:
    """A promotion that was stopped left it. A trial that fails would leave the endpoint on it."""
    good = world.model()
    first = world.promoted(good)
    wrong = world.model(container=slow_to_start(world, seconds=6, program=SILENT))
    with smoke_tests.tested(world, settings, smoke_tests.TEXT):
        arn = world.start(application="text-classifier", stage="qa", model_name=wrong.name)
        world.wait_for_state(arn, "Wait for the endpoint")
    world.client("stepfunctions").stop_execution(executionArn=arn)
    ended = world.promote(wrong)

    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    assert set(TRYING).isdisjoint(world.states(ended.arn))
    assert f"serves its previous configuration {first.config}" in ended.cause
    assert world.ask("qa")["model"] == good.name


def test_a_roll_back_and_the_same_again_are_not_tried(world: World) -> None:
    first = world.model()
    world.promoted(first)
    last = world.model()
    world.promoted(last)
    again = world.promoted(last)
    back = world.wait(world.start(application="text-classifier", stage="qa", roll_back=True))

    assert back.status == "SUCCEEDED", back.cause
    assert world.ask("qa")["model"] == first.name
    for ended in (again, back):
        assert set(TRYING).isdisjoint(world.states(ended.arn))
