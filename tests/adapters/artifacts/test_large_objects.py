"""Objects that are copied by parts within one work unit: their parts fill the requests of the unit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lambdas.promotion.artifacts import large_objects, partitioning
from lambdas.promotion.artifacts.large_objects import LargeObject
from lambdas.promotion.contract.document import Transfer
from tests.unit.builders import artifact

GB = 10**9


@pytest.mark.parametrize("sizes", [[20 * GB], [5 * GB] * 4, [15 * GB, 5 * GB]])
def test_the_parts_of_all_objects_of_a_unit_are_as_many_as_its_requests(sizes: Sequence[int]) -> None:
    artifacts = [artifact(key=f"{number}", size=size) for number, size in enumerate(sizes)]
    part_sizes = large_objects._part_sizes([LargeObject(artifact=each, metadata={}) for each in artifacts])
    parts = sum(
        partitioning.parts(Transfer(artifact=each, part_size=part_sizes[each.key], upload_id="u")) for each in artifacts
    )
    assert 0.9 * partitioning.PARTS_IN_FLIGHT < parts <= partitioning.PARTS_IN_FLIGHT
