"""Leave no multipart upload of a promotion behind."""

from __future__ import annotations

from datetime import datetime

from lambdas.promotion.artifacts import inventory, verification
from lambdas.promotion.aws import scoped_sessions as duties
from lambdas.promotion.aws import sessions, work_lists
from lambdas.promotion.contract.document import Artifact, Promotion


def abort(promotion: Promotion, *, opened_by: datetime | None = None) -> int:
    """Abort the uploads in the promotion's own folders, or those that were open at a time; return how many."""
    artifacts = work_lists.read(work_lists.INVENTORY, Artifact, promotion, s3=sessions.own_s3())
    return verification.abort_uploads(
        inventory.folders(artifacts, promotion.artifact_prefix),
        promotion.target,
        opened_by=opened_by,
        s3=duties.as_deployer(promotion).s3,
    )
