"""Is there anything to do? If the endpoint serves exactly this already, and well, the promotion ends Unchanged."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import inventory, verification
from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract.document import Artifact, Outcome, Progress, Promotion, Transfer
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import model_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.images import ecr_client
from lambdas.promotion.lock import policy as lock_policy
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.runtime.handler import now, s3_of_hub, step


@step
def handler(promotion: Promotion) -> Promotion:
    account = as_deployer(promotion)
    sagemaker = account.sagemaker
    seen = endpoint_client.see(promotion.stage.endpoint, sagemaker=sagemaker)
    rollback_state.require_same_goal(promotion, seen)
    change = endpoint_state.before_change(promotion, seen)
    # What is rolled back to was copied by the promotion that it was.
    missing = [] if promotion.request.roll_back else _look_for_copies(promotion, account)
    if change.progress is not Progress.NOTHING_TO_DO:
        lock_policy.require_not_older(promotion)
        return promotion.with_change(change)
    model = model_client.find_same(promotion.wanted_model, sagemaker=sagemaker)
    config = endpoint_client.find_same_config(promotion.wanted_config, sagemaker=sagemaker)
    there = [ecr_client.is_there(image.target, account=account) for image in promotion.images]
    if missing or not (model and config and all(there)):
        # The endpoint serves, but SageMaker could not replace its instances any more: what is missing is made again.
        return promotion.with_change(replace(change, progress=Progress.CHANGE_WANTED))
    if (
        promotion.lock is None
        or promotion.lock.serving is None
        or promotion.lock.serving.config != promotion.wanted_config.name
    ):
        # It serves, but no promotion has seen it do so well: it is tested and recorded first. (A dry run holds no lock,
        # and ends with the plan to do nothing.)
        return promotion.with_change(change)
    return promotion.with_change(change).ended(Outcome.UNCHANGED, at=now())


def _look_for_copies(promotion: Promotion, account: Account) -> list[Artifact]:
    """Write down which copies are in the target already, and return those that are missing."""
    hub, target = s3_of_hub(), promotion.target
    artifacts = work_lists.read(work_lists.INVENTORY, Artifact, promotion, s3=hub)
    folders = inventory.folders(artifacts, promotion.artifact_prefix)
    there = verification.listed(folders, target, s3=account.s3)
    missing = artifact_checks.missing_of(artifacts, there, bucket=target.artifact_bucket)
    transfers = [Transfer(artifact=artifact, there=artifact.key in there) for artifact in artifacts]
    work_lists.write(work_lists.LOOKED_FOR, transfers, promotion, s3=hub)
    return missing
