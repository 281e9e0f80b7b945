"""Every edge that a promotion will need is tried before anything is created: roles, rights, keys, images, quotas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from lambdas.promotion.artifacts.access import as_copier
from lambdas.promotion.aws import concurrency
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import ImageCopy, Promotion, Transfer, Wanted
from lambdas.promotion.contract.errors import AccessDenied, NameTaken
from lambdas.promotion.contract.resource_names import STEPS_OF_DUTY, Duty
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import current_deployment, model_client
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.endpoint.current_deployment import Serving
from lambdas.promotion.images import ecr_client
from lambdas.promotion.images.access import as_image_reader, as_pusher
from lambdas.promotion.preflight import checks as preflight_checks
from lambdas.promotion.preflight import constraints, findings, probes, queries
from lambdas.promotion.preflight.access import as_asker
from lambdas.promotion.preflight.checks import Try
from lambdas.promotion.preflight.findings import Answer, Finding, Unproved
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling.access import as_scaler
from lambdas.promotion.smoke_test import payloads
from lambdas.promotion.smoke_test.access import as_payload_reader, to_read_payloads

T = TypeVar("T")

_AT_ONCE = 50
_ROLE_REMEDY = (
    "Deploy the environment's stack and the hub's: the role must exist, trust this step and know the configured "
    "external_id, and the step must be allowed to assume it."
)
_IN_SOURCE = {Duty.READER, Duty.COPIER}
_FOR_IMAGES = {Duty.READER, Duty.PUSHER}
_QUESTIONS = [
    "kms:DescribeKey",
    "servicequotas:ListServiceQuotas",
    "cloudwatch:DescribeAlarms",
]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found out ahead. `answers`: what is in the way, and what could not be found out."""

    answers: tuple[Answer, ...] = ()
    serving: Serving | None = None
    model_is_there: bool = False
    config_is_there: bool = False
    images_missing: tuple[str, ...] = ()
    to_put_aside: tuple[str, ...] = ()  # scalable targets (ResourceId)

    @property
    def findings(self) -> list[Finding]:
        return findings.grouped(one for one in self.answers if isinstance(one, Finding))

    @property
    def unproved(self) -> list[Unproved]:
        return list(dict.fromkeys(one for one in self.answers if isinstance(one, Unproved)))


def duties_needed(promotion: Promotion) -> list[Duty]:
    """Return the duties whose roles the rest of the promotion assumes."""
    left_out = set() if promotion.images else _FOR_IMAGES
    if not promotion.stage.smoke_tests:
        left_out = left_out | {Duty.INVOKER}
    if not promotion.stage.autoscaling:
        left_out = left_out | {Duty.SCALER}  # unless a variant changes that is scaled: see _to_put_aside
    return [duty for duty in STEPS_OF_DUTY if duty not in left_out]


def check(promotion: Promotion, transfers: Sequence[Transfer], *, until: float) -> Checked:
    """Try everything. `transfers`: each artifact, and whether its copy is there. `until`: of time.monotonic().

    Raises Transient errors only: what AWS refuses is an answer.
    """
    answers: list[Answer] = []
    askers = {
        duty: asker
        for duty in duties_needed(promotion)
        if (asker := _enter(functools.partial(_ask_as, promotion, duty), answers))
    }
    to_try: list[Try] = []
    now, key, there = None, None, (False, False)
    scaled: tuple[str, ...] = ()
    if deployer := _enter(functools.partial(as_deployer, promotion), answers):
        asker = askers.get(Duty.DEPLOYER, deployer)
        now = _look(promotion, deployer, asker, answers)
        there = _what_is_there(promotion, deployer, answers)
        scaled = _to_put_aside(promotion, now, answers)
        to_try += preflight_checks.in_target(promotion, transfers, deployer)
        if Duty.DEPLOYER in askers:
            key = _key(promotion, asker, answers)
            to_try += preflight_checks.questions(promotion, now, asker)
    if copier := _enter(lambda: as_copier(promotion, [one.artifact for one in transfers]), answers):
        to_try += preflight_checks.copies(promotion, transfers, copier)
    to_try += preflight_checks.payloads(promotion, _payload_readers(promotion, askers.get(Duty.INVOKER), answers))
    missing = _missing_images(promotion, answers)
    to_try += _image_sources(promotion, missing, answers)
    to_try += preflight_checks.rights(promotion, transfers, missing, askers, endpoint_is_there=now is not None, key=key)
    guarded = [functools.partial(probes.caught, one) for one in to_try]
    for found in concurrency.run(guarded, at_once=_AT_ONCE, until=until, doing="Checking ahead"):
        answers += found
    return Checked(
        answers=tuple(answers),
        serving=now,
        model_is_there=there[0],
        config_is_there=there[1],
        images_missing=tuple(image.target for image in missing),
        to_put_aside=scaled,
    )


def look_only(promotion: Promotion) -> Checked:
    """Return what is there where nothing is to be done, so that nothing needs to be tried."""
    deployer, asker = as_deployer(promotion), _ask_as(promotion, Duty.DEPLOYER)
    now = current_deployment.look(promotion.stage.endpoint, sagemaker=deployer.sagemaker, configs=asker.sagemaker)
    return Checked(serving=now, model_is_there=True, config_is_there=True)


def _enter(enter: Callable[[], Account], answers: list[Answer]) -> Account | None:
    try:
        return enter()
    except AccessDenied as error:
        found = findings.denied(error, remedy=_ROLE_REMEDY)
        if found not in answers:
            answers.append(found)
        return None


def _ask_as(promotion: Promotion, duty: Duty) -> Account:
    """Enter a duty's role only to ask; that it can be entered at all is the first answer."""
    if duty is Duty.INVOKER:
        return as_asker(promotion, promotion.target, duty, *to_read_payloads(promotion))
    if duty is not Duty.DEPLOYER:
        return as_asker(promotion, promotion.source if duty in _IN_SOURCE else promotion.target, duty)
    previous = promotion.change.previous_config if promotion.change else None
    configs = [name for name in (previous, promotion.wanted_config.name) if name]
    return as_asker(
        promotion,
        promotion.target,
        duty,
        (["sagemaker:DescribeEndpointConfig"], [promotion.target_arn("endpoint-config", name) for name in configs]),
        (_QUESTIONS, ["*"]),
    )


def _guarded(call: Callable[[], T], answers: list[Answer]) -> T | None:
    """Make a call whose answer the rest needs; what stands in its way is told with the rest."""
    try:
        return call()
    except probes.REFUSALS as error:
        answers.append(probes.refusal(error))
    return None


def _look(promotion: Promotion, deployer: Account, asker: Account, answers: list[Answer]) -> Serving | None:
    return _guarded(
        lambda: current_deployment.look(
            promotion.stage.endpoint, sagemaker=deployer.sagemaker, configs=asker.sagemaker
        ),
        answers,
    )


def _what_is_there(promotion: Promotion, deployer: Account, answers: list[Answer]) -> tuple[bool, bool]:
    """Say whether the model and the configuration are there already, from an earlier promotion."""

    def is_there(kind: str, wanted: Wanted, find: Callable[..., bool]) -> bool:
        try:
            return bool(_guarded(lambda: find(wanted, sagemaker=deployer.sagemaker), answers))
        except NameTaken as error:
            answers.append(
                Finding(
                    role=deployer.role_arn,
                    action=f"sagemaker:{kind}",
                    resource=wanted.name,
                    said=str(error),
                    remedy="",
                    error=NameTaken,
                )
            )
            return True

    return (
        is_there("CreateModel", promotion.wanted_model, model_client.find_same),
        is_there("CreateEndpointConfig", promotion.wanted_config, endpoint_client.find_same_config),
    )


def _payload_readers(promotion: Promotion, invoker: Account | None, answers: list[Answer]) -> dict[bool, Account]:
    """Return who reads what the smoke tests send: in the target (False) and in the source (True), where needed."""
    wanted = {place.in_source for place in payloads.places(promotion)}
    reader = _enter(functools.partial(as_payload_reader, promotion), answers) if True in wanted else None
    return {in_source: one for in_source, one in ((False, invoker), (True, reader)) if one and in_source in wanted}


def _to_put_aside(promotion: Promotion, now: Serving | None, answers: list[Answer]) -> tuple[str, ...]:
    """Return the scalable targets that are in the update's way: they are put aside for it, so they stop nothing.

    The scaler is entered only where there may be any.
    """
    if now is None or not now.config:
        return ()
    if now.request is not None and not constraints.variants_not_to_scale(promotion, now):
        return ()
    scaler = _enter(functools.partial(as_scaler, promotion), answers)
    if scaler is None:
        return ()
    endpoint = promotion.stage.endpoint
    found = queries.asked(
        functools.partial(_scaled_ones, promotion, now, scaler), f"The scalable targets of {endpoint}"
    )
    if isinstance(found, Unproved):
        answers.append(found)
        return ()
    return tuple(found)


def _scaled_ones(promotion: Promotion, now: Serving, scaler: Account) -> list[str]:
    """Return the scaled variants that change. Somebody else's configuration is seen by the scaler only."""
    if now.request is None:
        variants = scaling_client.configured(now.config, sagemaker=scaler.sagemaker)
        now = replace(now, request={"ProductionVariants": list(variants.values())})
    changing = constraints.variants_not_to_scale(promotion, now)
    if not changing:
        return []
    return queries.scalable_targets(promotion.stage.endpoint, changing, client=scaler.autoscaling)


def _missing_images(promotion: Promotion, answers: list[Answer]) -> list[ImageCopy]:
    """Return the images that the target's registry has not, asked as whoever will push them."""
    missing = []
    for image in promotion.images:
        pusher = _enter(functools.partial(as_pusher, promotion, image), answers)
        if pusher and _guarded(functools.partial(ecr_client.is_there, image.target, account=pusher), answers) is False:
            missing.append(image)
    return missing


def _image_sources(promotion: Promotion, missing: Sequence[ImageCopy], answers: list[Answer]) -> Iterator[Try]:
    for image in missing:
        reader = _enter(functools.partial(as_image_reader, promotion, image), answers)
        if reader:
            yield functools.partial(probes.fetch, image, account=reader)


def _key(promotion: Promotion, asker: Account, answers: list[Answer]) -> str | None:
    """Return the ARN of the key that the target's bucket is encrypted with."""
    target = promotion.target
    alias = f"arn:aws:kms:{target.region}:{target.account}:{resource_names.artifact_key_alias(target.name)}"
    found = queries.asked(functools.partial(queries.key_of, alias, kms=asker.keys), f"The key {alias}")
    if isinstance(found, Unproved):
        answers.append(found)
        return None
    arn, state = found
    answers += constraints.key_state(promotion, arn, state)
    return arn
