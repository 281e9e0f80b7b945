"""preview in promotion.yaml: what the Lambdas get, and what is refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.settings import Preview
from tests.stacks.config.test_schema import STAGES, mistakes, parse
from tests.stacks.config.test_smoke_test import with_test

QA = f"{STAGES}.qa"
SERVERLESS = {"serverless": {"memory_size_in_mb": 4096, "max_concurrency": 5}}


def deployed(value: Any) -> Preview | None:
    return parse(with_test(), (f"{QA}.preview", value)).deployed().applications["reviews"].stages["qa"].preview


def test_a_stage_without_one_has_none() -> None:
    assert parse().deployed().applications["reviews"].stages["qa"].preview is None


def test_it_is_on_an_instance_or_serverless() -> None:
    assert deployed("instance") == Preview()
    assert deployed(SERVERLESS) == Preview(serverless={"MemorySizeInMB": 4096, "MaxConcurrency": 5})


@pytest.mark.parametrize("value", ["instances", {}, {"serverless": {}}, True, {"instance": 1}])
def test_anything_else_is_refused(value: Any) -> None:
    assert any(line.startswith(f"{QA}.preview") for line in mistakes(with_test(), (f"{QA}.preview", value)))


def test_a_preview_requires_a_smoke_test() -> None:
    (message,) = mistakes((f"{QA}.preview", "instance"))
    assert message.startswith(f"{QA}.preview: a preview runs the stage's smoke_test on a temporary endpoint")


def test_a_serverless_preview_of_a_model_that_serverless_excludes_is_refused() -> None:
    (message,) = mistakes(with_test(), (f"{QA}.preview", SERVERLESS), (f"{QA}.network_isolation", True))
    assert message.startswith(f"{QA}.preview.serverless: the stage has network_isolation, which serverless cannot have")


def test_a_serverless_preview_has_the_stages_key() -> None:
    key = "arn:aws:kms:us-east-1:333333333333:key/0d1c2b3a-1111-2222-3333-444455556666"
    stages = parse(with_test(), (f"{QA}.preview", SERVERLESS), (f"{QA}.volume_key", key)).deployed()
    assert stages.applications["reviews"].stages["qa"].preview is not None


def test_a_serverless_preview_is_not_kept_warm() -> None:
    warm = {"serverless": {**SERVERLESS["serverless"], "provisioned_concurrency": 1}}
    (message,) = mistakes(with_test(), (f"{QA}.preview", warm))
    assert message.startswith(f"{QA}.preview.serverless.provisioned_concurrency")
