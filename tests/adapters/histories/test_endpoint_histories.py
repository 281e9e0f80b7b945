"""Any history of an endpoint ends its promotion within bounds, in an outcome that is true of the endpoint.

The steps are the product's own; only SageMaker is a model of it (fake_sagemaker.py) and the state machine is followed
as stacks/workflow/deploy.py and rollback.py lead it. Hypothesis looks for a history that breaks a promise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambdas.handlers import deploy_endpoint, inspect_endpoint, roll_back_endpoint
from lambdas.promotion.contract.document import Progress, Promotion, RollbackProgress
from lambdas.promotion.contract.errors import PromotionError, Transient
from lambdas.promotion.contract.settings import CapacityRetries
from lambdas.promotion.contract.time_limits import LONGEST_ROLLBACK
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.rollback import state as rollback_state
from tests.adapters.histories.fake_sagemaker import Endpoint, FakeSageMaker, Killed, throttled
from tests.unit.builders import BEGUN, OLD_CONFIG, STAGE, promotion

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

POLL = timedelta(seconds=30)
RETRIES = 6
REASONS = [
    None,
    "The model did not start.",
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity",
]
OUTCOMES = ["success", "rolled_back", "failed", "rollback_failed", "out_of_service"]
STAGES = [
    STAGE,
    replace(STAGE, retain_variant_properties=False),
    replace(STAGE, capacity_retries=CapacityRetries(max_attempts=2, wait_seconds=60)),
]
UNFINISHED = {RollbackProgress.BUSY, RollbackProgress.IN_PROGRESS}


class EndpointHistory(RuleBasedStateMachine):
    """One promotion: it deploys, inspects, and rolls back after an error; anything may happen between two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome: str | None = None
        self.pending_fault: str | None = None
        self.interrupted = False
        self.error: PromotionError | None = None
        self.retries = 0
        self.interruptions = 0
        self.updates_before_rollback = 0

    @initialize(stage=st.sampled_from(STAGES), exists=st.booleans(), instances=st.integers(1, 9), repairs=st.booleans())
    def begin(self, stage: Any, exists: bool, instances: int, repairs: bool) -> None:
        self.promotion = promotion(stage=stage)
        self.ours = self.promotion.desired_config.name
        before = BEGUN - timedelta(days=1)
        self.aws = FakeSageMaker(
            now=BEGUN,
            configs={OLD_CONFIG: 1, self.ours: 1},
            endpoint=Endpoint("InService", OLD_CONFIG, before, instances) if exists else None,
            fault=self.fault,
            repairs=repairs,
        )
        self.instances = instances if exists else None
        self.existed = exists
        self.changed_by_others = False
        observed = endpoint_client.observe(stage.endpoint, sagemaker=cast("SageMakerClient", self.aws))
        self.promotion = self.promotion.with_change(endpoint_state.before_change(self.promotion, observed))
        self.step: Callable[[], None] = self.deploy

    def fault(self, call: str, after: bool) -> None:
        fault, expected = self.pending_fault, {"throttle": False, "kill": False, "lose": True, "kill_after": True}
        if fault is None or expected[fault] is not after:
            return
        self.pending_fault = None
        raise Killed() if fault.startswith("kill") else throttled(call)

    # What happens between two steps

    @rule(outcome=st.sampled_from(OUTCOMES), reason=st.sampled_from(REASONS))
    def change_ends(self, outcome: str, reason: str | None) -> None:
        self.aws.finish(outcome, reason)

    @rule(act=st.sampled_from(["update", "update back", "delete", "scale", "settle"]), instances=st.integers(1, 9))
    def another_principal_acts(self, act: str, instances: int) -> None:
        before = self.aws.endpoint
        if act.startswith("update"):
            self.aws.update_by_another("another" if act == "update" else OLD_CONFIG)
        elif act == "delete":
            self.aws.delete_by_another()
        elif act == "scale":
            self.aws.scale_by_another(instances)
        else:
            self.aws.settle()
        self.changed_by_others |= act != "settle" and self.aws.endpoint != before

    @rule(config=st.sampled_from([OLD_CONFIG, "ours"]))
    def a_configuration_is_deleted(self, config: str) -> None:
        self.aws.configs.pop(self.ours if config == "ours" else config, None)

    @rule(fault=st.sampled_from(["throttle", "kill", "lose", "kill_after", "stale"]))
    def the_next_call_fails(self, fault: str) -> None:
        if fault == "stale":
            self.aws.is_stale = self.aws.stale is not None
        else:
            self.pending_fault = fault

    @rule(hours=st.sampled_from([0.01, 0.2, 1, 9]))
    def time_passes(self, hours: float) -> None:
        self.aws.now += timedelta(hours=hours)

    @rule(steps=st.integers(1, 3))
    def the_workflow_goes_on(self, steps: int) -> None:
        for _ in range(steps):
            if self.outcome is None:
                self.step()

    @rule(outcome=st.sampled_from(OUTCOMES), reason=st.sampled_from(REASONS))
    def the_workflow_goes_on_and_the_change_ends(self, outcome: str, reason: str | None) -> None:
        self.the_workflow_goes_on(1)
        self.aws.finish(outcome, reason)

    # The workflow

    def run(self, step: ModuleType, **more: Any) -> bool:
        """Run a step once, as Step Functions does; False: it has to be run again."""
        self.aws.answered_stale = False
        event = {"promotion": self.promotion.to_json(), "retry_count": self.retries, **more}
        account = SimpleNamespace(sagemaker=self.aws, role_arn="arn")
        with (
            mock.patch.object(step, "deployer_session", lambda *_, **__: account),
            mock.patch.object(step, "now", lambda: self.aws.now),
        ):
            try:
                answer = step.handler(json.loads(json.dumps(event)), None)
            except (Killed, Transient):
                self.retries += 1
                self.interruptions += 1
                return False
        self.retries = 0
        self.promotion = Promotion.from_json(json.loads(json.dumps(answer)))
        return True

    def deploy(self) -> None:
        try:
            done = self.run(deploy_endpoint)
        except PromotionError as error:
            return self.failed(error)
        if not done and self.retries <= RETRIES:
            return None
        if not done:
            return self.failed(throttled("update_endpoint"))
        change = self.promotion.change
        assert change
        if change.progress is Progress.BUSY:
            self.wait()
        else:
            self.step = self.inspect
        return None

    def inspect(self) -> None:
        self.wait()
        try:
            if not self.run(inspect_endpoint):
                self.retries = 0  # polled again after the wait
                return
        except PromotionError as error:
            self.failed(error)
            return
        change = self.promotion.change
        assert change
        if self.promotion.result:
            self.end(self.promotion.result.outcome.value)
        elif change.progress is Progress.NO_CAPACITY:
            self.aws.now += timedelta(minutes=1)
            self.step = self.deploy

    def failed(self, error: PromotionError) -> None:
        self.error, self.retries = error, 0
        self.updates_before_rollback = len(self.aws.calls)
        self.step = self.roll_back

    def roll_back(self) -> None:
        error_name = type(self.error).__name__
        try:
            done = self.run(roll_back_endpoint, error_name=error_name, retry_count=int(self.interrupted))
        except PromotionError as error:
            self.check_failed_rollback(error)
            self.end("RollbackFailed")
            return
        self.interrupted = not done
        rollback = self.promotion.rollback
        if done and rollback and rollback.progress not in UNFINISHED:
            self.end(rollback.progress.value)
        else:
            self.wait()

    def wait(self) -> None:
        self.aws.now += POLL

    # What must be true

    def end(self, outcome: str) -> None:
        self.outcome = outcome
        if self.aws.answered_stale:
            return  # the last step was told what was true before
        endpoint = self.aws.endpoint
        state = (endpoint.status, endpoint.config) if endpoint else None
        rollback = self.promotion.rollback
        if outcome in {"Promoted", "Unchanged"}:
            assert state == ("InService", self.ours)
        elif outcome == "Done":
            assert endpoint and rollback and state == ("InService", rollback.to_config)
            assert endpoint.settled
            assert self.changed_by_others or endpoint.instances == self.instances
        elif outcome == "Deleted":
            assert endpoint is None
        elif outcome == "NotNeeded":
            assert state != ("InService", self.ours)
        elif outcome == "Skipped":
            assert self.changed_by_others or self.existed or not endpoint or endpoint.config != self.ours

    def check_failed_rollback(self, error: PromotionError) -> None:
        """A rollback fails with its reason, and never while the previous configuration serves as before."""
        assert str(error)
        endpoint, rollback = self.aws.endpoint, self.promotion.rollback
        if self.aws.answered_stale or self.changed_by_others or not endpoint or not rollback:
            return
        serves = (endpoint.status, endpoint.config) == ("InService", rollback.to_config)
        as_before = serves and endpoint.instances == self.instances and endpoint.settled
        assert not as_before, str(error)

    @invariant()
    def a_rollback_is_bounded(self) -> None:
        calls = self.aws.calls[self.updates_before_rollback :] if self.error else []
        # An update whose answer is lost is counted in no document.
        assert calls.count("update_endpoint") <= rollback_state.MOST_ATTEMPTS + self.interruptions

    def teardown(self) -> None:
        """Let every change succeed and time pass: the promotion ends."""
        if not hasattr(self, "aws"):
            return
        self.pending_fault = None
        most = int((LONGEST_ROLLBACK + timedelta(seconds=STAGE.deadline_seconds)) / POLL) + 100
        for _ in range(most):
            if self.outcome:
                return
            self.step()
            self.aws.finish("success", None)
            self.aws.settle()
        raise AssertionError(f"the promotion did not end: {self.promotion.change}, {self.promotion.rollback}")


TestEndpointHistories = EndpointHistory.TestCase
TestEndpointHistories.settings = settings(
    max_examples=250, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
