"""Is there anything to do? If the endpoint is in service on this configuration already, the outcome is Unchanged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import inventory, partitioning, verification, verified_copies
from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, CopyPlan, Leg, Outcome, Progress, Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import model_client, same_model
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.images import ecr_client
from lambdas.promotion.lock import policy as lock_policy
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.runtime.handler import hub_s3, now, step


@step
def handler(promotion: Promotion) -> Promotion:
    promotion = same_model.adopt(promotion)
    account, artifacts = _begin(promotion)
    sagemaker = account.sagemaker
    observed = endpoint_client.observe(promotion.stage.endpoint, sagemaker=sagemaker)
    rollback_state.require_same_goal(promotion, observed)
    change = endpoint_state.before_change(promotion, observed)
    # The artifacts of a rollback were copied by the promotion that it restores.
    missing, plan = ([], None) if promotion.request.roll_back else _find_copies(artifacts, promotion, account)
    promotion = replace(promotion, copy=plan)
    _require_as_verified(promotion, account)
    if change.progress is not Progress.NOTHING_TO_DO or promotion.restores_foreign_names:
        lock_policy.require_not_older(promotion)
        return promotion.with_change(change)
    model = model_client.find_same(promotion.desired_model, sagemaker=sagemaker)
    config = endpoint_client.find_same_config(promotion.desired_config, sagemaker=sagemaker)
    images_exist = [ecr_client.exists(image.target, account=account) for image in promotion.images]
    if missing or not (model and config and all(images_exist)):
        # The endpoint is in service, but SageMaker could not replace its instances: what is missing is created again.
        return promotion.with_change(replace(change, progress=Progress.CHANGE_REQUIRED))
    if (
        promotion.lock is None
        or promotion.lock.current is None
        or promotion.lock.current.config != promotion.desired_config.name
        or promotion.lock.current.verified is None
    ):
        # It is in service, but not recorded as last known good: it is smoke-tested and recorded first. (A dry run holds
        # no lock, and ends with the plan to do nothing.)
        return promotion.with_change(change)
    return promotion.with_change(change).with_outcome(Outcome.UNCHANGED, at=now())


def _begin(promotion: Promotion) -> tuple[RoleSession, list[Artifact]]:
    """Return the deployer's session and the inventory, which a rollback has none of; both at the same time."""
    if promotion.request.roll_back:
        return deployer_session(promotion), []
    hub = hub_s3()
    with ThreadPoolExecutor(1) as pool:
        artifacts = pool.submit(work_lists.read, work_lists.INVENTORY, Artifact, promotion, s3=hub)
        account = deployer_session(promotion)
        return account, artifacts.result()


def _find_copies(
    artifacts: list[Artifact], promotion: Promotion, account: RoleSession
) -> tuple[list[Artifact], CopyPlan | None]:
    """Write to a work list which copies the target has already; return those that are missing, and the copy's plan.

    A plan follows from keys and sizes, so it is made here; but *Plan the copy* makes it if work units share objects.
    """
    hub, target = hub_s3(), promotion.target
    folders = inventory.folders(artifacts, promotion.artifact_prefix)
    existing = verification.listed(folders, target, s3=account.s3)
    missing = artifact_checks.missing_copies(artifacts, existing, bucket=target.artifact_bucket)
    transfers = [verification.status_of(artifact, existing.get(artifact.key)) for artifact in artifacts]
    writes = [lambda: work_lists.write(work_lists.COPY_STATUS, transfers, promotion, s3=hub)]
    plan = None
    if not partitioning.shared(transfers):
        units = partitioning.work_units(transfers)
        writes += work_lists.plan_writes(transfers, units, Leg.BRING, promotion, s3=hub)
        manifest = f"{promotion.work_lists_prefix}{work_lists.MANIFEST}"
        to_verify = manifest if partitioning.is_verified_in_units(transfers, units) else ""
        plan = partitioning.summary(transfers, units, leg=Leg.BRING, manifest=manifest, to_verify=to_verify)
    with ThreadPoolExecutor(len(writes)) as pool:
        list(pool.map(lambda write: write(), writes))
    return missing, plan


def _require_as_verified(promotion: Promotion, account: RoleSession) -> None:
    """What a promotion of this model has verified must still be the same, also if nothing is copied now."""
    is_rollback = promotion.request.roll_back
    verified = promotion.verified if is_rollback else promotion.known_copies
    if verified:
        verified_copies.require_unchanged(
            verified,
            promotion.target.account,
            promotion.hub,
            hub_s3=hub_s3(),
            s3=account.s3,
            may_be_missing=not is_rollback,
        )
