"""Smoke tests in the workflow's tests.

What is deployed has one of each kind, and a preview, so that every role and permission of theirs exists. Promotions run
without them, unless a test asks for some: most are about something else, with models that answer as they like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from tests.integration.world import APPLICATION, INFERENCE, World, tar

CONFIG = Path(__file__).parent / "promotion.yaml"
PAYLOAD_KEY = "smoke/payload.csv"
# In the artifact bucket, whose key encrypts it; but not where models lie.
BUCKETS = {"qa": "promote-qa-333333333333-us-east-1", "production": "promote-production-444444444444-eu-west-1"}
TEXT = SmokeTest(
    payload=Payload(text="a fine film"),
    content_type="text/csv",
    expect=Expectation(jsonata="asked = 'a fine film'"),
)
OBJECT = SmokeTest(
    payload=Payload(bucket=BUCKETS["qa"], key=PAYLOAD_KEY),
    content_type="text/csv",
    expect=Expectation(jsonata="asked = 'from a file'"),
)
IN_SOURCE = SmokeTest(
    payload=Payload(bucket="sagemaker-us-east-1-222222222222", key=PAYLOAD_KEY, in_source=True),
    content_type="text/csv",
    expect=Expectation(jsonata="asked = 'from a file'"),
)
SAMPLE = SmokeTest(
    payload=Payload(sample=True), content_type="text/csv", expect=Expectation(jsonata="asked = 'a sample'")
)


def write_configuration(folder: Path) -> Path:
    """Write the tests' configuration, with a smoke test of each kind."""
    document = yaml.safe_load(CONFIG.read_text())
    for name, stage in document["applications"][APPLICATION]["stages"].items():
        plain = {"payload": "a fine film", "content_type": "text/csv"}
        if name == "qa":
            stage["preview"] = "instance"
        stage["smoke_test"] = [plain, {**plain, "payload_from": f"s3://{BUCKETS[name]}/{PAYLOAD_KEY}"}]
        del stage["smoke_test"][1]["payload"]
    sample = {"payload_from": "sample", "content_type": "text/csv"}
    document["applications"][APPLICATION]["stages"]["qa"]["smoke_test"].append(sample)
    file, draft = folder / "promotion.yaml", folder / "promotion.yaml.draft"
    draft.write_text(yaml.safe_dump(document, sort_keys=False))
    return draft.replace(file)  # another worker may be reading it


def with_tests(settings: Settings, *tests: SmokeTest, preview: Preview | None = None) -> Settings:
    """Return the settings of stages that have these tests, or none; qa may have a preview.

    What they read lies in the stage's own bucket. Only qa's source has payloads: its reader trusts the step.
    """
    application = settings.applications[APPLICATION]
    stages = {
        name: replace(stage, smoke_tests=tuple(_tests_of(name, tests)), preview=preview if name == "qa" else None)
        for name, stage in application.stages.items()
    }
    return replace(settings, applications={**settings.applications, APPLICATION: replace(application, stages=stages)})


def put_payloads(world: World) -> None:
    for environment, bucket in {**BUCKETS, "dev": "sagemaker-us-east-1-222222222222"}.items():
        world.client("s3", environment).put_object(Bucket=bucket, Key=PAYLOAD_KEY, Body=b"from a file")


@contextmanager
def tested(world: World, before: Settings, *tests: SmokeTest, preview: Preview | None = None) -> Iterator[Settings]:
    """Run with these smoke tests in every stage, and then as before. Yields the settings that hold."""
    put_payloads(world)
    now = with_tests(before, *tests, preview=preview)
    world.deploy_settings(now)
    try:
        yield now
    finally:
        world.deploy_settings(before)


def _tests_of(stage: str, tests: Sequence[SmokeTest]) -> Iterator[SmokeTest]:
    for test in tests:
        if not test.payload.read_in_source:
            bucket = BUCKETS[stage] if test.payload.bucket else None
            yield replace(test, payload=replace(test.payload, bucket=bucket))
        elif stage == "qa":
            yield test


def broken() -> bytes:
    """The source of a model that starts, and breaks when it is asked."""
    asked = b'    return {"model"'
    failing = INFERENCE.replace(asked, b"    raise ValueError('the weights are from another release')\n" + asked)
    assert failing != INFERENCE
    return tar({"inference.py": failing})
