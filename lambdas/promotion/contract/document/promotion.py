"""The document that goes through the workflow: a step takes it and returns it with more facts.

It carries references, never payloads (a state holds 256 KiB). What is in the API's own words is a plain dict in the
shape of the request that will be sent. Times are UTC, sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document.copying import (
    Artifacts,
    Copied,
    CopyPlan,
    CopyRoute,
    CopyVerification,
    ImageCopy,
    VerifiedCopies,
)
from lambdas.promotion.contract.document.deployment import (
    Change,
    KnownGood,
    Lock,
    PreviewEndpoint,
    Rollback,
    RollbackTarget,
    SuspendedScaling,
)
from lambdas.promotion.contract.document.model import DesiredResource, RequiredApproval, SourceModel
from lambdas.promotion.contract.document.progress import Leg, Outcome
from lambdas.promotion.contract.document.request import Execution, Request
from lambdas.promotion.contract.document.result import Result
from lambdas.promotion.contract.document.schema import SCHEMA
from lambdas.promotion.contract.document.serialization import from_json, to_json
from lambdas.promotion.contract.settings import Environment, Hub, Stage
from lambdas.promotion.contract.smoke_test_report import SmokeReport


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One model to one stage."""

    request: Request
    execution: Execution
    hub: Hub
    stage: Stage
    source: Environment
    target: Environment
    external_id: str | None
    deadline: datetime
    model: SourceModel
    digest: str
    artifacts: Artifacts
    desired_model: DesiredResource
    desired_config: DesiredResource
    tags: dict[str, str]
    approval: RequiredApproval | None = None
    images: tuple[ImageCopy, ...] = ()
    unused_mappings: tuple[str, ...] = ()  # of the stage's configuration (unused_mappings.py)
    copy: CopyPlan | None = None
    copied: Copied = field(default_factory=Copied)
    verification: CopyVerification | None = None
    verified: VerifiedCopies | None = None  # by this promotion, or by the one that a rollback restores
    lock: Lock | None = None
    change: Change | None = None
    rollback: Rollback | None = None
    preview: PreviewEndpoint | None = None
    smoke: SmokeReport | None = None
    plan: dict[str, Any] | None = None  # a dry run's output (dry_run_plan.py)
    suspended_scaling: SuspendedScaling | None = None
    result: Result | None = None
    rollback_target: RollbackTarget | None = None
    schema: int = SCHEMA
    known_good: tuple[KnownGood, ...] = ()  # of the endpoint, as a dry run has read it: it holds no lock

    def with_change(self, change: Change) -> Promotion:
        return replace(self, change=change)

    def with_outcome(self, outcome: Outcome, *, at: datetime) -> Promotion:
        """Add the result: what was promoted, where it is now and what was copied."""
        return replace(
            self,
            result=Result(
                outcome=outcome,
                application=self.request.application,
                stage=self.stage.name,
                source_model=self.model.arn,
                source_model_package=self.model.package,
                target_model=self.target_arn("model", self.desired_model.name),
                endpoint_config=self.target_arn("endpoint-config", self.desired_config.name),
                endpoint=self.target_arn("endpoint", self.stage.endpoint),
                previous_endpoint_config=self._previous_config_arn(),
                artifacts=self.artifacts.objects,
                artifacts_copied=self.copied.objects,
                bytes_copied=self.copied.bytes,
                artifacts_verified_by_checksum=self.verification.compared if self.verification else None,
                artifacts_verified_by_size=self.verification.computed if self.verification else None,
                images_copied=tuple(image.target for image in self.images if image.copied),
                unused_mappings=self.unused_mappings,
                rollback_target=self.rollback_target,
                smoke=self.smoke,
                preview=self.preview.smoke if self.preview else None,
                started_at=self.execution.started_at,
                ended_at=at,
                seconds=round((at - self.execution.started_at).total_seconds(), 3),
            ),
        )

    @property
    def leg(self) -> Leg:
        """The leg that was planned last; the first one before any plan."""
        return self.copy.leg if self.copy else Leg.BRING

    @property
    def known_copies(self) -> VerifiedCopies | None:
        """The copies of this model as the newest of its last known good promotions verified them."""
        model = self.desired_model.name
        return next((good.verified for good in self.last_known_good if good.model == model and good.verified), None)

    @property
    def last_known_good(self) -> tuple[KnownGood, ...]:
        """The promotions to the endpoint that went well, the newest first."""
        return self.lock.last_known_good if self.lock else self.known_good

    @property
    def current(self) -> KnownGood | None:
        """The promotion that is in service according to the record."""
        return self.last_known_good[0] if self.last_known_good else None

    @property
    def route(self) -> CopyRoute:
        """From the source to the target: all of the copy, and its first leg."""
        stage = self.stage
        return CopyRoute(
            source=self.source, target=self.target, tags=stage.copy_tags, annotations=stage.copy_annotations
        )

    @property
    def receiving_route(self) -> CopyRoute:
        """The second leg of the copy, within the target's bucket."""
        return replace(self.route, source=self.target)

    @property
    def incoming_prefix(self) -> str:
        """Where the source writes this stage's artifacts in the target's bucket: a prefix with its slash."""
        return resource_names.incoming_stage_prefix(self.source.name, self.request.application, self.stage.name)

    @property
    def artifact_prefix(self) -> str:
        """Where this stage's artifacts are stored in the target's bucket: a prefix with its slash."""
        return resource_names.stage_prefix(self.request.application, self.stage.name)

    @property
    def restores_foreign_names(self) -> bool:
        """Whether it rolls back to what was promoted when the stage had another name.

        The model and the configuration exist then, and the deployer may neither read nor create them: their names are
        not this stage's. UpdateEndpoint may use a configuration of any name.
        """
        prefix = resource_names.resource_name_prefix(self.request.application, self.stage.name)
        return self.request.roll_back and not self.desired_config.name.startswith(prefix)

    @property
    def scaling_is_suspended(self) -> bool:
        """Whether no registered scalable target that could block an update was left."""
        return self.suspended_scaling is not None and self.suspended_scaling.complete

    @property
    def endpoint_key(self) -> str:
        """The key of the endpoint's item in the hub's table."""
        return self.target.endpoint_key(self.stage.endpoint)

    @property
    def endpoint_in_words(self) -> str:
        """The endpoint with its account, as the subject of a sentence in a message."""
        return f"The endpoint {self.stage.endpoint} in {self.target.name} ({self.target.account})"

    @property
    def deadline_in_words(self) -> str:
        """The stage's deadline with its time, for a message that puts "the" before it."""
        return f"deadline of stage {self.stage.name!r} ({self.deadline:%Y-%m-%d %H:%M} UTC)"

    @property
    def work_lists_prefix(self) -> str:
        """Where this promotion's work lists are stored in the hub's bucket: a prefix with its slash."""
        return resource_names.work_lists_prefix(self.execution.promotion_id)

    def target_arn(self, kind: str, name: str) -> str:
        """ARN of a SageMaker resource in the target."""
        return self.target.sagemaker_arn(kind, name)

    def _previous_config_arn(self) -> str | None:
        previous = self.change.previous_config if self.change else None
        # The name of another owner's configuration keeps its spelling, so that it can be copied.
        location = f"{self.target.region}:{self.target.account}"
        return f"arn:aws:sagemaker:{location}:endpoint-config/{previous}" if previous else None

    def to_json(self) -> dict[str, Any]:
        return to_json(self)

    @staticmethod
    def from_json(document: dict[str, Any]) -> Promotion:
        return from_json(document, Promotion)
