"""The target looks with its own role: is what arrived what was resolved?"""

from __future__ import annotations

from lambdas.promotion import artifacts, duties, rules
from lambdas.promotion.document import Promotion
from lambdas.promotion.step import step


@step
def handler(promotion: Promotion) -> Promotion:
    s3 = duties.as_deployer(promotion).s3
    for artifact in promotion.artifacts:
        rules.require_arrived(artifact, artifacts.find(artifact.uri, owner=promotion.target.account, s3=s3))
    return promotion
