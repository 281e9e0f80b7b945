"""The synthesised app, in one run: what a promotion takes adds up, and a warm hub starts nothing."""

from __future__ import annotations

import pytest

from benchmarks.promotion.cpu import Costs
from benchmarks.promotion.deployed import synthesised
from benchmarks.promotion.measure import SERVICES, Orders
from benchmarks.promotion.published import Times
from benchmarks.promotion.runs import COLD, SCRIPT, WARM, Run

ENDPOINT = 100.0


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    """A run of each, with a tenth of a second for each import and nothing else to compute."""
    deployed = synthesised()
    costs = Costs(
        handlers=dict.fromkeys(deployed.handlers, 0.1),
        clients=dict.fromkeys(SERVICES, (0.0, 0.0)),
        first_client=0.0,
        connect=0.0,
        script=0.0,
        request=0.0,
    )
    orders = Orders(deployed, costs, Times(environment=0.4))
    return {run.contestant: run for run in orders.run([(COLD, [ENDPOINT]), (WARM, [ENDPOINT]), (SCRIPT, [ENDPOINT])])}


def test_all_seconds_but_the_endpoints_are_ours(runs: dict[str, Run]) -> None:
    for run in runs.values():
        assert run.seconds["endpoint"] == pytest.approx(ENDPOINT)
        assert run.ours == pytest.approx(sum(run.seconds.values()) - ENDPOINT)
        assert run.seconds["waiting after InService"] == pytest.approx(run.waited)


def test_a_function_starts_once_and_not_in_a_warm_hub(runs: dict[str, Run]) -> None:
    cold, warm = runs[COLD], runs[WARM]
    assert 0 < cold.cold_starts < cold.invocations == warm.invocations
    assert warm.cold_starts == warm.seconds["cold starts"] == 0
    # The one that inspects the endpoint starts while SageMaker works on it.
    assert cold.seconds["cold starts"] == pytest.approx(0.5 * (cold.cold_starts - 1), abs=0.01)


def test_a_script_waits_for_its_next_poll(runs: dict[str, Run]) -> None:
    assert 0 < runs[SCRIPT].waited < 15 + 1
