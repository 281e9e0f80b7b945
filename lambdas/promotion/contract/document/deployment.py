"""What happens to the endpoint: its lock, the change, the rollback, the preview and its scaling."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lambdas.promotion.contract.document.copying import VerifiedCopies
from lambdas.promotion.contract.document.progress import PreviewProgress, Progress, RollbackProgress
from lambdas.promotion.contract.document.schema import SCHEMA
from lambdas.promotion.contract.smoke_test_report import SmokeReport


@dataclass(frozen=True, kw_only=True)
class VariantCapacity:
    """A production variant's desired number of instances (None: it is serverless), and its desired weight."""

    variant: str
    instances: int | None = None
    weight: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of the endpoint.

    `previous_modified_at` tells a stale answer from a rollback. `previous_capacities` are those of the live variants
    before the change. `adopted`: another execution began the change to this configuration. `requested`: this one has
    requested it at least once, so that it may be its own. `capacity_failures`: how often AWS had no instances for it.
    `poll_count`: how often the endpoint was polled since.
    """

    progress: Progress
    previous_config: str | None = None
    previous_modified_at: datetime | None = None
    previous_capacities: tuple[VariantCapacity, ...] = ()
    adopted: bool = False
    requested: bool = False
    capacity_failures: int = 0
    poll_count: int = 0


@dataclass(frozen=True, kw_only=True)
class KnownGood:
    """A promotion that went well: what the endpoint can be rolled back to.

    `stage` ("<application>/<stage>" when it was promoted) and `record_key` are the key of its record. `verified`: the
    copies of its model; `content`: what its model is, whatever its name (same_model.py). Both are None if an older
    Promote wrote it. `unknown_fields`: what a newer one wrote beside the others.
    """

    record_key: str
    promotion_id: str
    config: str
    model: str
    made_at: datetime
    ended_at: datetime
    stage: str
    verified: VerifiedCopies | None = None
    content: str | None = None
    schema: int = SCHEMA
    unknown_fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RollbackTarget:
    """What a rollback on demand goes back to, and from: promotions by their ids, and endpoint configurations.

    `from_config`: None if there was no endpoint; `from_promotion`: None if no last known good promotion brought it.
    """

    to_promotion: str
    to_config: str
    from_promotion: str | None = None
    from_config: str | None = None

    @property
    def in_words(self) -> str:
        """From what to what, for a message."""
        source = f"promotion {self.from_promotion}" if self.from_promotion else "no recorded promotion"
        serving = self.from_config or "no endpoint"
        return f"from {serving} ({source}) to {self.to_config} (promotion {self.to_promotion})"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The endpoint's lock, which this promotion holds.

    `fence` counts up with each owner. `last_known_good`: the promotions that went well, the newest first.
    """

    fence: int
    last_known_good: tuple[KnownGood, ...] = ()

    @property
    def current(self) -> KnownGood | None:
        """The promotion that is in service according to the record."""
        return self.last_known_good[0] if self.last_known_good else None


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """The rollback after a failure, to the configuration `to_config`.

    `endpoint_summary`: a sentence that says what is in service. `poll_count`: how often the endpoint was polled.
    `deleting`: a Failed endpoint is deleted to be created again; `recreated`: it was. `attempts`: how many updates back
    SageMaker has accepted, or refused because something is missing; `reason`: its message about the last one.
    """

    progress: RollbackProgress
    began_at: datetime
    to_config: str | None = None
    endpoint_summary: str = ""
    poll_count: int = 0
    deleting: bool = False
    recreated: bool = False
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SuspendedScaling:
    """How many scalable targets were suspended for the update; `list_key` is the key of their list.

    `complete`: the last run of the step found no registered target that blocks the update.
    """

    targets: int
    list_key: str
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class PreviewEndpoint:
    """The temporary endpoint that serves the model before traffic moves, and its configuration, by their names.

    `poll_count`: how often it was polled during its deletion. `smoke`: what its smoke tests sent and received.
    """

    progress: PreviewProgress
    endpoint: str
    config: str
    deletion_began_at: datetime | None = None
    poll_count: int = 0
    smoke: SmokeReport | None = None
