"""trial in promotion.yaml: what comes to the Lambdas, and what is refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.settings import Trial
from tests.stacks.config.test_schema import STAGES, mistakes, parse
from tests.stacks.config.test_smoke_test import with_test

QA = f"{STAGES}.qa"
SERVERLESS = {"serverless": {"memory_size_in_mb": 4096, "max_concurrency": 5}}


def deployed(value: Any) -> Trial | None:
    return parse(with_test(), (f"{QA}.trial", value)).deployed().applications["reviews"].stages["qa"].trial


def test_a_stage_without_one_has_none() -> None:
    assert parse().deployed().applications["reviews"].stages["qa"].trial is None


def test_it_is_on_an_instance_or_serverless() -> None:
    assert deployed("instance") == Trial()
    assert deployed(SERVERLESS) == Trial(serverless={"MemorySizeInMB": 4096, "MaxConcurrency": 5})


@pytest.mark.parametrize("value", ["instances", {}, {"serverless": {}}, True, {"instance": 1}])
def test_anything_else_is_refused(value: Any) -> None:
    assert any(line.startswith(f"{QA}.trial") for line in mistakes(with_test(), (f"{QA}.trial", value)))


def test_a_trial_without_a_smoke_test_tries_nothing() -> None:
    (told,) = mistakes((f"{QA}.trial", "instance"))
    assert told.startswith(f"{QA}.trial: a trial is the stage's smoke_test on a temporary endpoint")


def test_a_serverless_trial_of_what_serverless_excludes_is_refused() -> None:
    (told,) = mistakes(with_test(), (f"{QA}.trial", SERVERLESS), (f"{QA}.network_isolation", True))
    assert told.startswith(f"{QA}.trial.serverless: the stage has network_isolation, which serverless cannot have")


def test_a_serverless_trial_is_not_kept_warm() -> None:
    warm = {"serverless": {**SERVERLESS["serverless"], "provisioned_concurrency": 1}}
    (told,) = mistakes(with_test(), (f"{QA}.trial", warm))
    assert told.startswith(f"{QA}.trial.serverless.provisioned_concurrency")
