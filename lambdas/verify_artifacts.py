"""The target looks with its own role: is what arrived what was resolved?"""

from __future__ import annotations

from lambdas.promotion import artifacts, duties
from lambdas.promotion.document import Promotion
from lambdas.promotion.errors import ArtifactMismatch
from lambdas.promotion.step import step


@step
def handler(promotion: Promotion) -> Promotion:
    s3 = duties.as_deployer(promotion).s3
    for artifact in promotion.artifacts:
        if not artifacts.arrived(artifact, promotion.target, s3=s3):
            raise ArtifactMismatch(f"{artifact.uri} is not there after its copy. Promote again.")
    return promotion
