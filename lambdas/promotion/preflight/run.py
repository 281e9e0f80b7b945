"""Every edge that a promotion will need is tried before anything is created: roles, rights, keys, images, quotas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from lambdas.promotion.artifacts.access import copier_session
from lambdas.promotion.aws import concurrency
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import DesiredResource, ImageCopy, Promotion, Transfer
from lambdas.promotion.contract.errors import AccessDenied, NameTaken
from lambdas.promotion.contract.resource_names import STEPS_BY_ROLE, Role
from lambdas.promotion.contract.time_limits import CONNECTIONS
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import current_deployment, model_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.images import ecr_client
from lambdas.promotion.images.access import image_reader_session, pusher_session
from lambdas.promotion.preflight import checks as preflight_checks
from lambdas.promotion.preflight import constraints, findings, probes, queries
from lambdas.promotion.preflight.access import query_session
from lambdas.promotion.preflight.checks import Check
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling.access import scaler_session
from lambdas.promotion.smoke_test import payloads
from lambdas.promotion.smoke_test.access import payload_read_statements, payload_reader_session

T = TypeVar("T")

_AT_ONCE = CONNECTIONS
_ROLE_REMEDY = (
    "Deploy the environment's stack and the hub's: the role must exist, trust this step and know the configured "
    "external_id, and the step must be allowed to assume it."
)
_IN_SOURCE = {Role.READER, Role.COPIER}
_FOR_IMAGES = {Role.READER, Role.PUSHER}
_QUERY_ACTIONS = [
    "kms:DescribeKey",
    "servicequotas:ListServiceQuotas",
    "cloudwatch:DescribeAlarms",
]


@dataclass(frozen=True, kw_only=True)
class PreflightResult:
    """What was found out ahead. `answers`: what is in the way, and what could not be found out."""

    results: tuple[CheckResult, ...] = ()
    current: CurrentDeployment | None = None
    model_exists: bool = False
    config_exists: bool = False
    images_missing: tuple[str, ...] = ()
    targets_to_suspend: tuple[str, ...] = ()  # scalable targets (ResourceId)

    @property
    def findings(self) -> list[Finding]:
        return findings.grouped(one for one in self.results if isinstance(one, Finding))

    @property
    def inconclusive(self) -> list[Inconclusive]:
        return list(dict.fromkeys(one for one in self.results if isinstance(one, Inconclusive)))


def required_roles(promotion: Promotion) -> list[Role]:
    """Return the duties whose roles the rest of the promotion assumes."""
    left_out = set() if promotion.images else _FOR_IMAGES
    if not promotion.stage.smoke_tests:
        left_out = left_out | {Role.INVOKER}
    if not promotion.stage.autoscaling:
        left_out = left_out | {Role.SCALER}  # unless a variant changes that is scaled: see _targets_to_suspend
    return [role for role in STEPS_BY_ROLE if role not in left_out]


def run(promotion: Promotion, transfers: Sequence[Transfer], *, until: float) -> PreflightResult:
    """Try everything. `transfers`: each artifact, and whether its copy is there. `until`: of time.monotonic().

    Raises Transient errors only: what AWS refuses is an answer.
    """
    answers: list[CheckResult] = []
    askers = {
        role: asker
        for role in required_roles(promotion)
        if (asker := _enter(functools.partial(_query_session, promotion, role), answers))
    }
    to_try: list[Check] = []
    now, key, there = None, None, (False, False)
    scaled: tuple[str, ...] = ()
    if deployer := _enter(functools.partial(deployer_session, promotion), answers):
        asker = askers.get(Role.DEPLOYER, deployer)
        now = _observe(promotion, deployer, asker, answers)
        there = _existing_resources(promotion, deployer, answers)
        scaled = _targets_to_suspend(promotion, now, answers)
        to_try += preflight_checks.in_target(promotion, transfers, deployer)
        if Role.DEPLOYER in askers:
            key = _key(promotion, asker, answers)
            to_try += preflight_checks.query_checks(promotion, now, asker)
    if copier := _enter(lambda: copier_session(promotion, [one.artifact for one in transfers]), answers):
        to_try += preflight_checks.copies(promotion, transfers, copier)
    to_try += preflight_checks.payloads(promotion, _payload_readers(promotion, askers.get(Role.INVOKER), answers))
    missing = _missing_images(promotion, answers)
    to_try += _image_sources(promotion, missing, answers)
    to_try += preflight_checks.permissions(
        promotion, transfers, missing, askers, endpoint_exists=now is not None, key=key
    )
    guarded = [functools.partial(probes.run_probe, one) for one in to_try]
    for found in concurrency.run(guarded, at_once=_AT_ONCE, until=until, doing="Checking ahead"):
        answers += found
    return PreflightResult(
        results=tuple(answers),
        current=now,
        model_exists=there[0],
        config_exists=there[1],
        images_missing=tuple(image.target for image in missing),
        targets_to_suspend=scaled,
    )


def observe_only(promotion: Promotion) -> PreflightResult:
    """Return what is there where nothing is to be done, so that nothing needs to be tried."""
    deployer, asker = deployer_session(promotion), _query_session(promotion, Role.DEPLOYER)
    now = current_deployment.read_deployment(
        promotion.stage.endpoint, sagemaker=deployer.sagemaker, configs=asker.sagemaker
    )
    return PreflightResult(current=now, model_exists=True, config_exists=True)


def _enter(enter: Callable[[], RoleSession], answers: list[CheckResult]) -> RoleSession | None:
    try:
        return enter()
    except AccessDenied as error:
        found = findings.denied(error, remedy=_ROLE_REMEDY)
        if found not in answers:
            answers.append(found)
        return None


def _query_session(promotion: Promotion, role: Role) -> RoleSession:
    """Enter a duty's role only to ask; that it can be entered at all is the first answer."""
    if role is Role.INVOKER:
        return query_session(promotion, promotion.target, role, *payload_read_statements(promotion))
    if role is not Role.DEPLOYER:
        return query_session(promotion, promotion.source if role in _IN_SOURCE else promotion.target, role)
    previous = promotion.change.previous_config if promotion.change else None
    configs = [name for name in (previous, promotion.desired_config.name) if name]
    return query_session(
        promotion,
        promotion.target,
        role,
        (["sagemaker:DescribeEndpointConfig"], [promotion.target_arn("endpoint-config", name) for name in configs]),
        (_QUERY_ACTIONS, ["*"]),
    )


def _guarded(call: Callable[[], T], answers: list[CheckResult]) -> T | None:
    """Make a call whose answer the rest needs; what stands in its way is told with the rest."""
    try:
        return call()
    except probes.REFUSALS as error:
        answers.append(probes.refusal(error))
    return None


def _observe(
    promotion: Promotion, deployer: RoleSession, asker: RoleSession, answers: list[CheckResult]
) -> CurrentDeployment | None:
    return _guarded(
        lambda: current_deployment.read_deployment(
            promotion.stage.endpoint, sagemaker=deployer.sagemaker, configs=asker.sagemaker
        ),
        answers,
    )


def _existing_resources(promotion: Promotion, deployer: RoleSession, answers: list[CheckResult]) -> tuple[bool, bool]:
    """Say whether the model and the configuration are there already, from an earlier promotion."""

    def exists(kind: str, wanted: DesiredResource, find: Callable[..., bool]) -> bool:
        try:
            return bool(_guarded(lambda: find(wanted, sagemaker=deployer.sagemaker), answers))
        except NameTaken as error:
            answers.append(
                Finding(
                    role=deployer.role_arn,
                    action=f"sagemaker:{kind}",
                    resource=wanted.name,
                    message=str(error),
                    remedy="",
                    error=NameTaken,
                )
            )
            return True

    return (
        exists("CreateModel", promotion.desired_model, model_client.find_same),
        exists("CreateEndpointConfig", promotion.desired_config, endpoint_client.find_same_config),
    )


def _payload_readers(
    promotion: Promotion, invoker: RoleSession | None, answers: list[CheckResult]
) -> dict[bool, RoleSession]:
    """Return who reads what the smoke tests send: in the target (False) and in the source (True), where needed."""
    wanted = {place.in_source for place in payloads.locations(promotion)}
    reader = _enter(functools.partial(payload_reader_session, promotion), answers) if True in wanted else None
    return {in_source: one for in_source, one in ((False, invoker), (True, reader)) if one and in_source in wanted}


def _targets_to_suspend(
    promotion: Promotion, now: CurrentDeployment | None, answers: list[CheckResult]
) -> tuple[str, ...]:
    """Return the scalable targets that are in the update's way: they are put aside for it, so they stop nothing.

    The scaler is entered only where there may be any.
    """
    if now is None or not now.config:
        return ()
    if now.request is not None and not constraints.variants_blocked_by_scaling(promotion, now):
        return ()
    scaler = _enter(functools.partial(scaler_session, promotion), answers)
    if scaler is None:
        return ()
    endpoint = promotion.stage.endpoint
    found = queries.run_query(
        functools.partial(_scaled_variants, promotion, now, scaler), f"The scalable targets of {endpoint}"
    )
    if isinstance(found, Inconclusive):
        answers.append(found)
        return ()
    return tuple(found)


def _scaled_variants(promotion: Promotion, now: CurrentDeployment, scaler: RoleSession) -> list[str]:
    """Return the scaled variants that change. Somebody else's configuration is seen by the scaler only."""
    if now.request is None:
        variants = scaling_client.configured(now.config, sagemaker=scaler.sagemaker)
        now = replace(now, request={"ProductionVariants": list(variants.values())})
    changing = constraints.variants_blocked_by_scaling(promotion, now)
    if not changing:
        return []
    return queries.scalable_targets(promotion.stage.endpoint, changing, client=scaler.autoscaling)


def _missing_images(promotion: Promotion, answers: list[CheckResult]) -> list[ImageCopy]:
    """Return the images that the target's registry has not, asked as whoever will push them."""
    missing = []
    for image in promotion.images:
        pusher = _enter(functools.partial(pusher_session, promotion, image), answers)
        if pusher and _guarded(functools.partial(ecr_client.exists, image.target, account=pusher), answers) is False:
            missing.append(image)
    return missing


def _image_sources(promotion: Promotion, missing: Sequence[ImageCopy], answers: list[CheckResult]) -> Iterator[Check]:
    for image in missing:
        reader = _enter(functools.partial(image_reader_session, promotion, image), answers)
        if reader:
            yield functools.partial(probes.fetch, image, account=reader)


def _key(promotion: Promotion, asker: RoleSession, answers: list[CheckResult]) -> str | None:
    """Return the ARN of the key that the target's bucket is encrypted with."""
    target = promotion.target
    alias = f"arn:aws:kms:{target.region}:{target.account}:{resource_names.artifact_key_alias(target.name)}"
    found = queries.run_query(functools.partial(queries.key_of, alias, kms=asker.keys), f"The key {alias}")
    if isinstance(found, Inconclusive):
        answers.append(found)
        return None
    arn, state = found
    answers += constraints.key_state(promotion, arn, state)
    return arn
