"""Is there anything to do? If the endpoint serves exactly this already, and well, the promotion ends Unchanged."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import inventory, verification
from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, Outcome, Progress, Promotion, Transfer
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import model_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.images import ecr_client
from lambdas.promotion.lock import policy as lock_policy
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.runtime.handler import hub_s3, now, step


@step
def handler(promotion: Promotion) -> Promotion:
    account = deployer_session(promotion)
    sagemaker = account.sagemaker
    seen = endpoint_client.observe(promotion.stage.endpoint, sagemaker=sagemaker)
    rollback_state.require_same_goal(promotion, seen)
    change = endpoint_state.before_change(promotion, seen)
    # What is rolled back to was copied by the promotion that it was.
    missing = [] if promotion.request.roll_back else _find_copies(promotion, account)
    if change.progress is not Progress.NOTHING_TO_DO:
        lock_policy.require_not_older(promotion)
        return promotion.with_change(change)
    model = model_client.find_same(promotion.desired_model, sagemaker=sagemaker)
    config = endpoint_client.find_same_config(promotion.desired_config, sagemaker=sagemaker)
    there = [ecr_client.exists(image.target, account=account) for image in promotion.images]
    if missing or not (model and config and all(there)):
        # The endpoint serves, but SageMaker could not replace its instances any more: what is missing is made again.
        return promotion.with_change(replace(change, progress=Progress.CHANGE_REQUIRED))
    if (
        promotion.lock is None
        or promotion.lock.current is None
        or promotion.lock.current.config != promotion.desired_config.name
    ):
        # It serves, but no promotion has seen it do so well: it is tested and recorded first. (A dry run holds no lock,
        # and ends with the plan to do nothing.)
        return promotion.with_change(change)
    return promotion.with_change(change).with_outcome(Outcome.UNCHANGED, at=now())


def _find_copies(promotion: Promotion, account: RoleSession) -> list[Artifact]:
    """Write down which copies are in the target already, and return those that are missing."""
    hub, target = hub_s3(), promotion.target
    artifacts = work_lists.read(work_lists.INVENTORY, Artifact, promotion, s3=hub)
    folders = inventory.folders(artifacts, promotion.artifact_prefix)
    there = verification.listed(folders, target, s3=account.s3)
    missing = artifact_checks.missing_copies(artifacts, there, bucket=target.artifact_bucket)
    transfers = [Transfer(artifact=artifact, exists=artifact.key in there) for artifact in artifacts]
    work_lists.write(work_lists.COPY_STATUS, transfers, promotion, s3=hub)
    return missing
