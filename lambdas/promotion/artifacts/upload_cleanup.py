"""Abort the multipart uploads that a promotion leaves open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from lambdas.promotion.artifacts import incoming, verification
from lambdas.promotion.aws import sessions, work_lists
from lambdas.promotion.contract.document import Artifact, Promotion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def abort(promotion: Promotion, *, enter_target: Callable[[], S3Client], opened_by: datetime | None = None) -> int:
    """Abort the uploads in the promotion's own folders, or only those that were open at `opened_by`; return how many.

    `enter_target` opens a session in the target, after the inventory was read.
    """
    artifacts = work_lists.read(work_lists.INVENTORY, Artifact, promotion, s3=sessions.own_s3())
    folders = incoming.folders_of_uploads(artifacts, promotion)
    return verification.abort_uploads(folders, promotion.target, opened_by=opened_by, s3=enter_target())
