"""The target verifies the copies with its own role: all that was resolved, and nothing else; their list is kept."""

from __future__ import annotations

import functools
from dataclasses import replace

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import incoming, inventory, verification, verified_copies
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import CopyVerification, Promotion, Transfer
from lambdas.promotion.contract.time_limits import CONNECTIONS
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import hub_s3, step_with_clock

_AT_ONCE = CONNECTIONS


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    transfers = work_lists.read(work_lists.COPY_PLAN, Transfer, promotion, s3=hub_s3())
    artifacts = [transfer.artifact for transfer in transfers]
    folders = inventory.folders(artifacts, promotion.artifact_prefix)
    s3 = deployer_session(promotion).s3
    artifact_checks.missing_copies(
        artifacts, verification.listed(folders, promotion.target, s3=s3), bucket=promotion.target.artifact_bucket
    )
    copies = concurrency.run(
        [functools.partial(verification.require_verified, artifact, promotion.target, s3=s3) for artifact in artifacts],
        at_once=_AT_ONCE,
        until=clock.until,
        doing=f"Comparing {len(artifacts)} copies",
    )
    verification.abort_uploads(incoming.folders_of_uploads(artifacts, promotion), promotion.target, s3=s3)
    compared = sum(artifact.source.checksum is not None for artifact in artifacts)
    return replace(
        promotion,
        verification=CopyVerification(compared=compared, computed=len(artifacts) - compared),
        verified=verified_copies.write(copies, promotion.target.artifact_bucket, promotion.hub, s3=hub_s3()),
    )
