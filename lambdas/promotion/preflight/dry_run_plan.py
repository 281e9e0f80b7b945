"""The plan of a dry run: what a promotion would create, change and copy, and what serves now. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.promotion.contract import digests
from lambdas.promotion.contract.document import Outcome, Progress, Promotion, Transfer
from lambdas.promotion.endpoint import rollout, service_defaults
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.run import PreflightResult
from lambdas.promotion.preview import state as preview_state

_MOST_DIFFERENCES = 50
_MOST_INCONCLUSIVE = 30
# Lists whose items have names, by which they are compared.
_NAMED_BY = "VariantName"
_NAME = "EndpointConfigName"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A field of the configuration that would change; None where it is not set."""

    path: str
    current: Any
    desired: Any


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that the promotion creates, unless it exists."""

    arn: str
    exists: bool


@dataclass(frozen=True, kw_only=True)
class CurrentDeploymentSummary:
    """What the endpoint serves. `instances`: the desired count of each variant, by its name."""

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
    to_copy = [transfer.artifact.source.size for transfer in transfers if not transfer.exists]
    progress = promotion.change.progress if promotion.change else Progress.CHANGE_REQUIRED
    current = checked.current
    differences = (
        tuple(differences_between(current.request, promotion.desired_config.request))
        if current and current.request is not None
        else None
    )
    return Plan(
        application=promotion.request.application,
        stage=promotion.stage.name,
        source_model=promotion.model.arn,
        source_model_package=promotion.model.model_package_arn,
        changes_anything=progress is not Progress.NOTHING_TO_DO,
        summary=(
            *_sentences_of_mappings(promotion),
            *_sentences(promotion, progress, checked, to_copy, differences),
        ),
        target_model=Resource(
            arn=promotion.target_arn("model", promotion.desired_model.name), exists=checked.model_exists
        ),
        endpoint_config=Resource(
            arn=promotion.target_arn("endpoint-config", promotion.desired_config.name), exists=checked.config_exists
        ),
        endpoint=promotion.target_arn("endpoint", promotion.stage.endpoint),
        current_deployment=CurrentDeploymentSummary(
            endpoint_config=current.config, status=current.observed.status, instances=current.counts
        )
        if current
        else None,
        differences=differences[:_MOST_DIFFERENCES] if differences is not None else None,
        artifacts=promotion.artifacts.objects,
        artifacts_to_copy=len(to_copy),
        bytes_to_copy=sum(to_copy),
        images_to_copy=checked.images_missing,
        inconclusive_checks=tuple(_listed([str(check) for check in checked.inconclusive])),
        started_at=promotion.execution.started_at,
        ended_at=at,
        seconds=round((at - promotion.execution.started_at).total_seconds(), 3),
    )


def _listed(inconclusive: Sequence[str]) -> list[str]:
    surplus = len(inconclusive) - _MOST_INCONCLUSIVE
    return [*inconclusive[:_MOST_INCONCLUSIVE], *([findings.and_more(surplus)] if surplus > 0 else [])]


def differences_between(current: Any, desired: Any, path: str = "") -> Iterator[Difference]:
    """Yield where two configurations differ, by the path of the field: "ProductionVariants.All.InstanceType"."""
    if isinstance(current, Mapping) and isinstance(desired, Mapping):
        for name in dict.fromkeys([*desired, *current]):
            if not (path == "" and name == _NAME) and not _means_nothing(name, current, desired):
                yield from differences_between(current.get(name), desired.get(name), f"{path}.{name}".lstrip("."))
    elif _are_named(current) and _are_named(desired):
        now, then = _by_name(current), _by_name(desired)
        for name in dict.fromkeys([*then, *now]):
            yield from differences_between(now.get(name), then.get(name), f"{path}.{name}")
    elif not _is_same(path.rpartition(".")[2], current, desired):
        yield Difference(path=path, current=current, desired=desired)


def _means_nothing(name: str, current: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    """Whether one of the two has the field, and it means the same as no field."""
    if name not in desired:
        return service_defaults.is_filled_in(name, current[name], desired, unlisted=False)
    return name not in current and service_defaults.is_default(name, desired[name])


def _is_same(name: str, current: Any, desired: Any) -> bool:
    if isinstance(current, list | tuple) and isinstance(desired, list | tuple):
        pairs = zip(digests.in_order(name, current), digests.in_order(name, desired), strict=False)
        return len(current) == len(desired) and not any(True for pair in pairs for _ in differences_between(*pair))
    if isinstance(current, bool) or isinstance(desired, bool):
        return current is desired
    if isinstance(current, int | float) and isinstance(desired, int | float):
        return math.isclose(current, desired, rel_tol=1e-6)  # the API's floats have 32 bits
    return bool(current == desired)


def _are_named(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, Mapping) and _NAMED_BY in item for item in value)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item[_NAMED_BY]: {key: value for key, value in item.items() if key != _NAMED_BY} for item in items}


def _sentences_of_mappings(promotion: Promotion) -> Iterator[str]:
    if promotion.unused_mappings:
        yield (
            f"The stage maps what the model does not have ({'; '.join(promotion.unused_mappings)}): compare the "
            "spelling, unless this is meant for other models."
        )


def _sentences(
    promotion: Promotion,
    progress: Progress,
    checked: PreflightResult,
    to_copy: Sequence[int],
    differences: Sequence[Difference] | None,
) -> Iterator[str]:
    endpoint, stage, current = promotion.stage.endpoint, promotion.stage, checked.current
    if progress is Progress.NOTHING_TO_DO:
        yield f"Nothing would be done: the endpoint {endpoint} serves this model and configuration already."
        return
    if promotion.rollback_target:
        yield f"The endpoint {endpoint} would be rolled back {promotion.rollback_target.in_words}."
    if to_copy:
        objects = "1 object" if len(to_copy) == 1 else f"{len(to_copy)} objects"
        yield f"{objects} with {sum(to_copy)} bytes would be copied into {promotion.target.artifact_bucket}."
    for image in checked.images_missing:
        yield f"The image {image} would be copied into the target's registry."
    for kind, desired, exists in (
        ("model", promotion.desired_model, checked.model_exists),
        ("endpoint configuration", promotion.desired_config, checked.config_exists),
    ):
        yield f"The {kind} {desired.name} {'exists already' if exists else 'would be created'}."
    if preview_state.is_enabled(promotion):
        yield "The model would be deployed to a preview endpoint first."
    if progress is Progress.IN_PROGRESS:
        yield f"The endpoint {endpoint} is being changed to this configuration already; that would be waited for."
    elif current is None:
        yield f"The endpoint {endpoint} would be created."
    else:
        if progress is Progress.BUSY:
            yield f"The endpoint {endpoint} is {current.observed.status} by another change; that would be waited for."
        yield f"The endpoint {endpoint} would be updated: {rollout.as_text(rollout.of_stage(stage))}."
        for target in checked.targets_to_suspend:
            yield f"The automatic scaling of {target} would be suspended for the update, and resumed after it."
        yield from _changes(differences or ())
        if differences is None:
            yield f"What it serves now cannot be compared with it: {current.reason}"


def _changes(differences: Sequence[Difference]) -> Iterator[str]:
    for change in differences[:_MOST_DIFFERENCES]:
        yield f"{change.path}: {_shown(change.current)} -> {_shown(change.desired)}"
    if len(differences) > _MOST_DIFFERENCES:
        yield f"And {len(differences) - _MOST_DIFFERENCES} more differences."


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
