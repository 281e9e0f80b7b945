"""The document and its parts; each subject has a file."""

from __future__ import annotations

from lambdas.promotion.contract.document.copying import (
    Artifact,
    Artifacts,
    Copied,
    CopyPlan,
    CopyRoute,
    CopyVerification,
    ImageCopy,
    Segment,
    Transfer,
    VerifiedCopies,
    VerifiedCopy,
    WorkUnit,
)
from lambdas.promotion.contract.document.deployment import (
    Change,
    KnownGood,
    Lock,
    PreviewEndpoint,
    Rollback,
    RollbackTarget,
    SuspendedScaling,
    VariantCapacity,
)
from lambdas.promotion.contract.document.model import DesiredResource, RequiredApproval, S3Object, SourceModel
from lambdas.promotion.contract.document.progress import Leg, Outcome, PreviewProgress, Progress, RollbackProgress
from lambdas.promotion.contract.document.promotion import Promotion
from lambdas.promotion.contract.document.request import Execution, Request
from lambdas.promotion.contract.document.result import Failure, Result
from lambdas.promotion.contract.document.serialization import (
    from_json,
    from_lenient_json,
    from_line,
    sha256,
    to_json,
    to_line,
)

__all__ = [
    "Artifact",
    "Artifacts",
    "Change",
    "Copied",
    "CopyPlan",
    "CopyRoute",
    "CopyVerification",
    "DesiredResource",
    "Execution",
    "Failure",
    "ImageCopy",
    "KnownGood",
    "Leg",
    "Lock",
    "Outcome",
    "PreviewEndpoint",
    "PreviewProgress",
    "Progress",
    "Promotion",
    "Request",
    "RequiredApproval",
    "Result",
    "Rollback",
    "RollbackProgress",
    "RollbackTarget",
    "S3Object",
    "Segment",
    "SourceModel",
    "SuspendedScaling",
    "Transfer",
    "VariantCapacity",
    "VerifiedCopies",
    "VerifiedCopy",
    "WorkUnit",
    "from_json",
    "from_lenient_json",
    "from_line",
    "sha256",
    "to_json",
    "to_line",
]
