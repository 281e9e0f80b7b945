"""Is there anything to do? If the endpoint serves exactly this already, the promotion ends Unchanged."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion import artifacts, duties, endpoint_rules, endpoints, models
from lambdas.promotion.document import Outcome, Progress, Promotion
from lambdas.promotion.step import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    account = duties.as_deployer(promotion)
    sagemaker = account.sagemaker
    change = endpoint_rules.before_change(promotion, endpoints.see(promotion.stage.endpoint, sagemaker=sagemaker))
    compared = promotion.with_change(change)
    if change.progress is not Progress.NOTHING_TO_DO:
        return compared
    model = models.find_same(promotion.wanted_model, sagemaker=sagemaker)
    config = endpoints.find_same_config(promotion.wanted_config, sagemaker=sagemaker)
    there = [artifacts.arrived(artifact, promotion.target, s3=account.s3) for artifact in promotion.artifacts]
    if not (model and config and all(there)):
        # The endpoint serves, but SageMaker could not replace its instances any more: what is missing is made again.
        return promotion.with_change(replace(change, progress=Progress.CHANGE_WANTED))
    return compared.ended(Outcome.UNCHANGED, at=now())
