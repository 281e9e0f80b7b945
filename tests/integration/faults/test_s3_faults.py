"""What S3 does on a bad day does not end a promotion, and happens to the product's own requests."""

from __future__ import annotations

from sandbox.aws.faults.faults import Kind
from tests.integration.world import World


def test_throttling_by_s3_is_waited_out(world: World) -> None:
    made = world.model()
    world.s3_faults.inject("HeadObject", code="SlowDown", times=2)
    world.promote_successfully(made)
    assert world.s3_faults.pending() == []


def test_a_copy_whose_response_was_lost_is_detected(world: World) -> None:
    made = world.model()
    world.s3_faults.inject("CopyObject", kind=Kind.ERROR_AFTER, times=2)
    world.promote_successfully(made)
    assert world.s3_faults.pending() == []
