"""The benchmark of the imports measures what it names: it is not timed here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import stored
from benchmarks.imports import __main__ as imports
from benchmarks.imports.clients import IN_ACCOUNT, IN_HUB
from lambdas.promotion.aws import sessions
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Job, Step


def test_the_results_have_each_step_and_the_ratios_to_the_plain_sdk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    steps = [Step.CREATE_MODEL.value, Step.EXPLAIN_FAILURE.value]
    imports.main(["--steps", *steps, "--rounds", "1", "--save"])
    results = stored.read("imports").results
    assert list(results["steps"]) == steps
    with_clients, without = (results["steps"][step] for step in steps)
    assert with_clients["import_ratio"] == pytest.approx(with_clients["import_ms"] / results["plain_ms"], abs=0.002)
    # A step without clients has no more than its imports.
    assert with_clients["with_clients_ms"] > with_clients["import_ms"]
    assert without["with_clients_ms"] - without["import_ms"] < 1
    assert all(step in capsys.readouterr().out for step in steps[:1])


def test_the_clients_of_the_steps_exist() -> None:
    assert {name for names in IN_ACCOUNT.values() for name in names} <= set(vars(sessions.RoleSession))
    assert all(hasattr(sessions, f"own_{name}") for names in IN_HUB.values() for name in names)


def test_each_step_that_assumes_a_role_has_a_client_in_an_account() -> None:
    assert {step for steps in STEPS_BY_ROLE.values() for step in steps} == set(IN_ACCOUNT) - {Job.AUDIT_ARTIFACTS}
