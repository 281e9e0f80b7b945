"""How a promotion ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lambdas.promotion.contract.document.deployment import RollbackTarget
from lambdas.promotion.contract.document.progress import Outcome
from lambdas.promotion.contract.smoke_test_report import SmokeReport


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error by its name, its family and one message for a person."""

    error: str
    family: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """The execution's output.

    `artifacts_verified_by_checksum`: how many copies have the full-object checksum that the source had;
    `artifacts_verified_by_size`: the others, whose source has none.
    Both are None if the endpoint served this configuration already and nothing was verified.
    `unused_mappings`: what the stage maps and the model does not have.
    `rollback_target`: what a rollback on demand went back to, and from.
    `smoke`: what the smoke tests sent and received, if the stage has any; `preview`: the same on the preview endpoint.
    """

    outcome: Outcome
    application: str
    stage: str
    source_model: str
    source_model_package: str | None
    target_model: str
    endpoint_config: str
    endpoint: str
    previous_endpoint_config: str | None
    artifacts: int
    artifacts_copied: int
    bytes_copied: int
    artifacts_verified_by_checksum: int | None
    artifacts_verified_by_size: int | None
    images_copied: tuple[str, ...]
    unused_mappings: tuple[str, ...] = ()
    rollback_target: RollbackTarget | None = None
    smoke: SmokeReport | None
    preview: SmokeReport | None = None
    started_at: datetime
    ended_at: datetime
    seconds: float
