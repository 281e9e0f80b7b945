"""What a promotion would do, as a dry run's output: created, changed, copied, how much, and what serves now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.promotion.contract.document import Outcome, Progress, Promotion, Transfer
from lambdas.promotion.endpoint import rollout
from lambdas.promotion.preflight.run import Checked
from lambdas.promotion.preview import state as preview_state

_MOST_DIFFERENCES = 50
_MOST_UNPROVED = 30
# What SageMaker fills in where CreateEndpointConfig says nothing.
_FILLED_IN: tuple[Any, ...] = (1.0, False, None, [], {})
# Lists whose items have names, by which they are compared.
_NAMED_BY = "VariantName"
_NAME = "EndpointConfigName"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A member of the configuration that would change; None where it is not said."""

    at: str
    now: Any
    then: Any


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Something that the promotion makes, unless it is there."""

    arn: str
    is_there: bool


@dataclass(frozen=True, kw_only=True)
class ServesNow:
    """What the endpoint serves. `instances`: how many each variant wants now, by its name."""

    endpoint_config: str
    status: str
    instances: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A dry run's output. `differences` is None where what serves now cannot be read, or nothing serves."""

    outcome: Outcome = Outcome.PLANNED
    application: str
    stage: str
    source_model: str
    source_model_package: str | None
    changes_anything: bool
    says: tuple[str, ...]
    target_model: Resource
    endpoint_config: Resource
    endpoint: str
    serves_now: ServesNow | None
    differences: tuple[Difference, ...] | None
    artifacts: int
    artifacts_to_copy: int
    bytes_to_copy: int
    images_to_copy: tuple[str, ...]
    not_proved: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    seconds: float


def of(promotion: Promotion, transfers: Sequence[Transfer], checked: Checked, *, at: datetime) -> Plan:
    """Return what the promotion would do now."""
    to_copy = [one.artifact.source.size for one in transfers if not one.there]
    progress = promotion.change.progress if promotion.change else Progress.CHANGE_WANTED
    now = checked.serving
    differences = (
        tuple(differences_between(now.request, promotion.wanted_config.request))[:_MOST_DIFFERENCES]
        if now and now.request is not None
        else None
    )
    return Plan(
        application=promotion.request.application,
        stage=promotion.stage.name,
        source_model=promotion.model.arn,
        source_model_package=promotion.model.model_package_arn,
        changes_anything=progress is not Progress.NOTHING_TO_DO,
        says=tuple(_sentences(promotion, progress, checked, to_copy, differences)),
        target_model=Resource(
            arn=promotion.target_arn("model", promotion.wanted_model.name), is_there=checked.model_is_there
        ),
        endpoint_config=Resource(
            arn=promotion.target_arn("endpoint-config", promotion.wanted_config.name), is_there=checked.config_is_there
        ),
        endpoint=promotion.target_arn("endpoint", promotion.stage.endpoint),
        serves_now=ServesNow(endpoint_config=now.config, status=now.seen.status, instances=now.counts) if now else None,
        differences=differences,
        artifacts=len(transfers),
        artifacts_to_copy=len(to_copy),
        bytes_to_copy=sum(to_copy),
        images_to_copy=checked.images_missing,
        not_proved=tuple(str(one) for one in checked.unproved[:_MOST_UNPROVED]),
        started_at=promotion.execution.started_at,
        ended_at=at,
        seconds=round((at - promotion.execution.started_at).total_seconds(), 3),
    )


def differences_between(now: Any, then: Any, at: str = "") -> Iterator[Difference]:
    """Yield where two configurations differ, by the path of the member: "ProductionVariants.All.InstanceType"."""
    if isinstance(now, Mapping) and isinstance(then, Mapping):
        for name in dict.fromkeys([*then, *now]):
            if not (at == "" and name == _NAME):
                yield from differences_between(now.get(name), then.get(name), f"{at}.{name}".lstrip("."))
    elif _are_named(now) and _are_named(then):
        yield from differences_between(_by_name(now), _by_name(then), at)
    elif now != then and not (then is None and now in _FILLED_IN):
        yield Difference(at=at, now=now, then=then)


def _are_named(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, Mapping) and _NAMED_BY in one for one in value)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one[_NAMED_BY]: {key: value for key, value in one.items() if key != _NAMED_BY} for one in items}


def _sentences(
    promotion: Promotion,
    progress: Progress,
    checked: Checked,
    to_copy: Sequence[int],
    differences: Sequence[Difference] | None,
) -> Iterator[str]:
    endpoint, stage, now = promotion.stage.endpoint, promotion.stage, checked.serving
    if progress is Progress.NOTHING_TO_DO:
        yield f"Nothing would be done: the endpoint {endpoint} serves this model and configuration already."
        return
    if to_copy:
        objects = "1 object" if len(to_copy) == 1 else f"{len(to_copy)} objects"
        yield f"{objects} with {sum(to_copy)} bytes would be copied into {promotion.target.artifact_bucket}."
    for image in checked.images_missing:
        yield f"The image {image} would be copied into the target's registry."
    for kind, wanted, is_there in (
        ("model", promotion.wanted_model, checked.model_is_there),
        ("endpoint configuration", promotion.wanted_config, checked.config_is_there),
    ):
        yield f"The {kind} {wanted.name} {'is there already' if is_there else 'would be created'}."
    if preview_state.is_wanted(promotion):
        yield "The model would be tried first, on a temporary endpoint."
    if progress is Progress.UNDER_WAY:
        yield f"The endpoint {endpoint} is being changed to this configuration already; that would be waited for."
    elif now is None:
        yield f"The endpoint {endpoint} would be created."
    else:
        if progress is Progress.BUSY:
            yield f"The endpoint {endpoint} is {now.seen.status} by somebody else's doing; that would be waited for."
        yield f"The endpoint {endpoint} would be updated: {rollout.in_words(rollout.of_stage(stage))}."
        for one in checked.to_put_aside:
            yield f"The automatic scaling of {one} would be put aside for that, and registered again."
        for change in differences or ():
            yield f"{change.at}: {_said(change.now)} -> {_said(change.then)}"
        if differences is None:
            yield f"What it serves now cannot be compared with it: {now.reason}"


def _said(value: Any) -> str:
    return "not set" if value is None else str(value)
