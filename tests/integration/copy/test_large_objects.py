"""A large object goes through the whole workflow by parts, in one work unit that opens and completes its uploads.

One object of 260 MiB, with the parts of a deployment: it takes about 3 s a promotion, and three times its size of the
sandbox's memory. All other tests have smaller parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from lambdas.promotion.contract.document import Promotion, Transfer
from lambdas.promotion.contract.settings import Settings
from sandbox.demo import data_scientist
from tests.integration.scenarios import PRODUCTION, QA, delete_large_copies
from tests.integration.world import APPLICATION, ExecutionResult, World, input_of, transfers_of

MIB = 1024**2
LARGE = 260 * MIB

KEPT = {"ContentType": "application/x-weights", "Metadata": {"job": "7"}}


@dataclass(frozen=True)
class Stages:
    """Both promotions of one model, and how its large object was copied."""

    source: dict[str, Any]
    ended: dict[str, ExecutionResult]
    promotions: dict[str, Promotion]
    transfers: dict[str, Transfer]


def content() -> bytes:
    """Each MiB is another, so that parts which are stored at the wrong offset differ from the right ones."""
    return b"".join(number.to_bytes(4, "big") * (MIB // 4) for number in range(LARGE // MIB))


@pytest.fixture(scope="module")
def both(module_world: World, deployed_settings: Settings) -> Iterator[Stages]:
    world, s3 = module_world, module_world.client("s3", "dev")
    world.deploy_usual_parts(deployed_settings)
    world.abort_uploads("qa")  # what other tests have left
    location = {"Bucket": data_scientist.bucket(world.sandbox), "Key": f"{uuid4().hex[:8]}/weights.bin"}
    s3.put_object(**location, Body=content(), ChecksumAlgorithm="CRC64NVME", **KEPT)
    container = world.container("large")
    container["Environment"]["WEIGHTS"] = "s3://{Bucket}/{Key}".format(**location)
    ended = {"qa": world.promote_successfully(world.model("large", container=container))}
    ended["production"] = world.wait(
        world.start(application=APPLICATION, stage="production", model_name=ended["qa"].model)
    )
    promotions = {stage: input_of(world, result.arn, "Verify the artifacts") for stage, result in ended.items()}
    transfers = {
        stage: next(
            transfer for transfer in transfers_of(world, promotion) if transfer.artifact.key.endswith("/weights.bin")
        )
        for stage, promotion in promotions.items()
    }
    yield Stages(s3.head_object(**location, ChecksumMode="ENABLED"), ended, promotions, transfers)
    s3.delete_object(**location)
    for pair in (QA, PRODUCTION):
        delete_large_copies(world, pair, LARGE)
    world.deploy_small_parts(deployed_settings)


STAGES = pytest.mark.parametrize("stage", ["qa", "production"])


@STAGES
def test_one_work_unit_takes_it_through_both_legs(module_world: World, both: Stages, stage: str) -> None:
    ended = both.ended[stage]

    assert ended.status == "SUCCEEDED", ended.cause
    states = module_world.states(ended.arn)
    first = states.index("Is the copy planned?")
    assert states[first : first + 6] == [
        "Is the copy planned?",
        "Is there anything to copy?",
        "Copy the only work unit",
        "Was every work unit copied?",
        "Are there many copies to verify?",
        "Verify the artifacts",
    ]
    assert ended.output["artifacts_copied"] == 3
    assert ended.output["bytes_copied"] == both.promotions[stage].artifacts.bytes


@STAGES
def test_it_arrives_whole_with_its_checksum_and_its_metadata(module_world: World, both: Stages, stage: str) -> None:
    head = module_world.head(both.promotions[stage], both.transfers[stage])

    assert head["ContentLength"] == LARGE
    assert head["ETag"].strip('"').endswith("-33")
    assert (head["ChecksumType"], head["ChecksumCRC64NVME"]) == ("FULL_OBJECT", both.source["ChecksumCRC64NVME"])
    assert {field: head[field] for field in KEPT} == KEPT
    assert head["ServerSideEncryption"] == "aws:kms"
    assert both.ended[stage].output["artifacts_verified_by_checksum"] == 3


@STAGES
def test_its_parts_are_at_their_positions(module_world: World, both: Stages, stage: str) -> None:
    bucket, key = both.promotions[stage].target.artifact_bucket, both.transfers[stage].artifact.key
    for border in (16 * MIB, 64 * MIB, 256 * MIB):
        part = {"Range": f"bytes={border - 4}-{border + 3}"}
        body = module_world.client("s3", stage).get_object(Bucket=bucket, Key=key, **part)["Body"].read()
        assert body == (border // MIB - 1).to_bytes(4, "big") + (border // MIB).to_bytes(4, "big")


@STAGES
def test_nothing_is_left_open(module_world: World, both: Stages, stage: str) -> None:
    assert both.ended[stage].status == "SUCCEEDED"
    assert module_world.open_uploads(stage) == []


def test_a_second_promotion_finds_it(module_world: World, both: Stages) -> None:
    module_world.client("sagemaker", "qa").delete_endpoint(EndpointName="text-classifier-qa")
    promoted_before = module_world.wait(module_world.start(application=APPLICATION, stage="qa", model_name="large"))

    assert both.ended["qa"].output["target_model"] == promoted_before.output["target_model"]
    assert (promoted_before.output["outcome"], promoted_before.output["bytes_copied"]) == ("Promoted", 0)
    assert promoted_before.output["artifacts_verified_by_checksum"] == 3
