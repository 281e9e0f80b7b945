"""What a promotion would do, as a dry run's output: created, changed, copied, how much, and what serves now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.promotion.contract.document import Outcome, Progress, Promotion, Transfer
from lambdas.promotion.endpoint import rollout
from lambdas.promotion.preflight.run import PreflightResult
from lambdas.promotion.preview import state as preview_state

_MOST_DIFFERENCES = 50
_MOST_INCONCLUSIVE = 30
# What SageMaker fills in where CreateEndpointConfig says nothing.
_FILLED_IN: tuple[Any, ...] = (1.0, False, None, [], {})
# Lists whose items have names, by which they are compared.
_NAMED_BY = "VariantName"
_NAME = "EndpointConfigName"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A member of the configuration that would change; None where it is not said."""

    path: str
    current: Any
    desired: Any


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Something that the promotion makes, unless it is there."""

    arn: str
    exists: bool


@dataclass(frozen=True, kw_only=True)
class CurrentDeploymentSummary:
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
    summary: tuple[str, ...]
    target_model: Resource
    endpoint_config: Resource
    endpoint: str
    current_deployment: CurrentDeploymentSummary | None
    differences: tuple[Difference, ...] | None
    artifacts: int
    artifacts_to_copy: int
    bytes_to_copy: int
    images_to_copy: tuple[str, ...]
    inconclusive_checks: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    seconds: float


def plan_of(promotion: Promotion, transfers: Sequence[Transfer], checked: PreflightResult, *, at: datetime) -> Plan:
    """Return what the promotion would do now."""
    to_copy = [one.artifact.source.size for one in transfers if not one.exists]
    progress = promotion.change.progress if promotion.change else Progress.CHANGE_REQUIRED
    now = checked.current
    differences = (
        tuple(differences_between(now.request, promotion.desired_config.request))[:_MOST_DIFFERENCES]
        if now and now.request is not None
        else None
    )
    return Plan(
        application=promotion.request.application,
        stage=promotion.stage.name,
        source_model=promotion.model.arn,
        source_model_package=promotion.model.model_package_arn,
        changes_anything=progress is not Progress.NOTHING_TO_DO,
        summary=tuple(_sentences(promotion, progress, checked, to_copy, differences)),
        target_model=Resource(
            arn=promotion.target_arn("model", promotion.desired_model.name), exists=checked.model_exists
        ),
        endpoint_config=Resource(
            arn=promotion.target_arn("endpoint-config", promotion.desired_config.name), exists=checked.config_exists
        ),
        endpoint=promotion.target_arn("endpoint", promotion.stage.endpoint),
        current_deployment=CurrentDeploymentSummary(
            endpoint_config=now.config, status=now.observed.status, instances=now.counts
        )
        if now
        else None,
        differences=differences,
        artifacts=len(transfers),
        artifacts_to_copy=len(to_copy),
        bytes_to_copy=sum(to_copy),
        images_to_copy=checked.images_missing,
        inconclusive_checks=tuple(str(one) for one in checked.inconclusive[:_MOST_INCONCLUSIVE]),
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
        yield Difference(path=at, current=now, desired=then)


def _are_named(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, Mapping) and _NAMED_BY in one for one in value)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one[_NAMED_BY]: {key: value for key, value in one.items() if key != _NAMED_BY} for one in items}


def _sentences(
    promotion: Promotion,
    progress: Progress,
    checked: PreflightResult,
    to_copy: Sequence[int],
    differences: Sequence[Difference] | None,
) -> Iterator[str]:
    endpoint, stage, now = promotion.stage.endpoint, promotion.stage, checked.current
    if progress is Progress.NOTHING_TO_DO:
        yield f"Nothing would be done: the endpoint {endpoint} serves this model and configuration already."
        return
    if to_copy:
        objects = "1 object" if len(to_copy) == 1 else f"{len(to_copy)} objects"
        yield f"{objects} with {sum(to_copy)} bytes would be copied into {promotion.target.artifact_bucket}."
    for image in checked.images_missing:
        yield f"The image {image} would be copied into the target's registry."
    for kind, wanted, exists in (
        ("model", promotion.desired_model, checked.model_exists),
        ("endpoint configuration", promotion.desired_config, checked.config_exists),
    ):
        yield f"The {kind} {wanted.name} {'is there already' if exists else 'would be created'}."
    if preview_state.is_enabled(promotion):
        yield "The model would be tried first, on a temporary endpoint."
    if progress is Progress.IN_PROGRESS:
        yield f"The endpoint {endpoint} is being changed to this configuration already; that would be waited for."
    elif now is None:
        yield f"The endpoint {endpoint} would be created."
    else:
        if progress is Progress.BUSY:
            yield f"The endpoint {endpoint} is {now.observed.status} by another change; that would be waited for."
        yield f"The endpoint {endpoint} would be updated: {rollout.as_text(rollout.of_stage(stage))}."
        for one in checked.targets_to_suspend:
            yield f"The automatic scaling of {one} would be put aside for that, and registered again."
        for change in differences or ():
            yield f"{change.path}: {_shown(change.current)} -> {_shown(change.desired)}"
        if differences is None:
            yield f"What it serves now cannot be compared with it: {now.reason}"


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
