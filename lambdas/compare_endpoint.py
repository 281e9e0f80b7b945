"""Is there anything to do? If the endpoint serves exactly this already, the promotion ends Unchanged."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion import duties, endpoints, models, rules
from lambdas.promotion.document import Outcome, Progress, Promotion
from lambdas.promotion.step import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    sagemaker = duties.as_deployer(promotion).sagemaker
    change = rules.before_change(promotion, endpoints.see(promotion.stage.endpoint, sagemaker=sagemaker))
    compared = promotion.with_change(change)
    if change.progress is not Progress.NOTHING_TO_DO:
        return compared
    model = models.find(promotion.wanted_model.name, sagemaker=sagemaker)
    if model is None:
        # The endpoint serves, but SageMaker cannot replace its instances any more: the model is made again.
        return promotion.with_change(replace(change, progress=Progress.CHANGE_WANTED))
    rules.require_same("model", promotion.wanted_model.name, promotion.wanted_model.request, model)
    endpoints.require_same_config(promotion.wanted_config, sagemaker=sagemaker)
    return compared.ended(Outcome.UNCHANGED, at=now())
