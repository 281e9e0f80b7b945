"""Steps that share a function may use the lists that its first step may use: none gets more by sharing."""

from __future__ import annotations

import pytest

from lambdas.promotion.contract.steps import STEPS_OF, Function
from stacks.hub import work_list_bucket

ACCESSES = ("_WRITE", "_READ", "_READ_VERIFIED", "_WRITE_VERIFIED", "_MAY_BE_MISSING", "_WRITE_OF_UNITS")


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("function", Function)
def test_no_step_brings_an_access_to_the_lists_into_a_function(function: Function, access: str) -> None:
    first, *others = STEPS_OF[function]
    steps = set(getattr(work_list_bucket, access))
    assert steps
    assert first in steps or not steps & {*others}
