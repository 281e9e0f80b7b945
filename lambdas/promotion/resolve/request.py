"""The request: what an execution's input may have, and the stage that it names. Pure: no AWS calls."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Request
from lambdas.promotion.contract.errors import (
    InvalidInput,
    UnknownApplication,
    UnknownStage,
    WrongAlias,
)
from lambdas.promotion.contract.settings import Application, Hub, Settings, Stage
from lambdas.promotion.contract.step_events import ExecutionInput
from lambdas.promotion.contract.text import in_lines, whole

# SageMaker's own pattern and length for model names (API: ModelName).
_MODEL_NAME = re.compile(r"(?=.{1,63}\Z)[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
# Of the partition in which the hub is; SageMaker counts versions from 1, as 32-bit integers (API: ModelPackageVersion).
PACKAGE_ARN = re.compile(
    r"arn:aws:sagemaker:(?P<region>[a-z0-9-]{9,16}):(?P<account>[0-9]{12}):model-package/"
    r"(?P<group>[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62})/(?P<version>[1-9][0-9]{0,8})"
)
_FORMS = {
    "model_name": (_MODEL_NAME, "a valid SageMaker name (letters, digits, hyphens; at most 63)"),
    "model_package_arn": (
        PACKAGE_ARN,
        "the ARN of a model package version (arn:aws:sagemaker:<region>:<account>:model-package/<group>/<version>)",
    ),
}
_STRINGS = {"application", "stage", "model_name", "model_package_arn", "requested_by", "roll_back_to"}
_BOOLEANS = {"allow_older", "dry_run", "roll_back", "accept_drift"}
_OF_ROLLBACKS = ("roll_back_to", "accept_drift")
_FIELDS = _STRINGS | _BOOLEANS
_EXAMPLE = '{"application": "text-classifier", "stage": "qa", "model_name": "my-model"}'
_LONGEST = {"application": 63, "stage": 63, "requested_by": 256, "roll_back_to": 80}
_LONGEST_QUOTE = 120
_MOST_REPORTED = 10


def require_request(given: ExecutionInput) -> Request:
    """Return the request in the input, or raise InvalidInput with every mistake in it; of many unknown fields, ten."""
    raw = given.value
    if given.problem:
        raise InvalidInput(f"{given.problem} It must be a JSON object such as {_EXAMPLE}.")
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"The input must be a JSON object such as {_EXAMPLE}, not {_kind(raw)}.")
    unknown = sorted(set(raw) - _FIELDS)
    problems = [f"{_short(name)} is not a field of the input" for name in unknown[:_MOST_REPORTED]]
    if len(unknown) > _MOST_REPORTED:
        problems.append(f"so are {len(unknown) - _MOST_REPORTED} others")
    problems += [f"{name} {problem}" for name in sorted(_FIELDS & set(raw)) if (problem := _problem(name, raw[name]))]
    problems += [f"{name} is missing" for name in ("application", "stage") if name not in raw]
    named = [name for name in ("model_name", "model_package_arn") if raw.get(name) is not None]
    if raw.get("roll_back") is True:
        problems += [
            f"{name} must not be set with roll_back: the rollback target comes from the promotion record"
            for name in named
        ]
        problems += ["allow_older has no effect with roll_back; remove it"] if "allow_older" in raw else []
    else:
        problems += [f'{name} has an effect with "roll_back": true only' for name in _OF_ROLLBACKS if name in raw]
    if raw.get("roll_back") is not True and len(named) > 1:
        problems.append("set one of model_name and model_package_arn at most, not both")
    if problems:
        raise InvalidInput(in_lines("The input is invalid:", problems, f"Example: {_EXAMPLE}."))
    return Request(**{name: raw[name] for name in _FIELDS & set(raw)})


def _problem(name: str, value: object) -> str | None:
    """Return the problem of one field of the input, or None."""
    if name in _BOOLEANS:
        return None if isinstance(value, bool) else f"must be a Boolean, not {_kind(value)}"
    if not isinstance(value, str):
        return f"must be a string, not {_kind(value)}"
    return _problem_of_text(name, value)


def _problem_of_text(name: str, text: str) -> str | None:
    if not text.strip():
        return "is empty"
    if whole(text) != text:
        return f"{_short(text)} is not valid Unicode text"
    longest = _LONGEST.get(name, len(text))
    if len(text) > longest:
        return f"{_short(text)} is longer than {longest} characters"
    if name in _FORMS and not _FORMS[name][0].fullmatch(text):
        return f"{_short(text)} is not {_FORMS[name][1]}"
    return None


def _kind(value: object) -> str:
    """Return the JSON type of a value, for a message."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a Boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _short(value: object) -> str:
    """Quote a value for a message, cut to a readable length."""
    quoted = whole(json.dumps(value, ensure_ascii=False, default=str))
    return quoted if len(quoted) <= _LONGEST_QUOTE else f"{quoted[:_LONGEST_QUOTE]}…"


def find_stage(request: Request, settings: Settings) -> tuple[Application, Stage]:
    """Return the application and stage that the request names. An error lists the names that exist."""
    application = settings.applications.get(request.application)
    if application is None:
        raise UnknownApplication(
            f"The application {_short(request.application)} does not exist in the deployed configuration. "
            f"It has: {', '.join(sorted(settings.applications)) or 'none'}."
        )
    stage = application.stages.get(request.stage)
    if stage is None:
        raise UnknownStage(
            f"Application {application.name!r} has no stage {_short(request.stage)}. "
            f"It has: {', '.join(application.stages)}."
        )
    return application, stage


def require_alias(alias: str | None, application: Application, stage: Stage, *, hub: Hub) -> None:
    """Only the stage's own alias starts it, or none: a policy allows to start by one alias, or on the machine itself.

    Raises WrongAlias.
    """
    if alias not in {None, stage.started_by}:
        raise WrongAlias(
            f"Stage {stage.name!r} of {application.name!r} is started by the alias {stage.started_by!r} of the state "
            f"machine, and this execution was started by {alias!r}. Start it on "
            f"{resource_names.start_arn(hub.account, hub.region, stage.started_by)}, which a policy must allow "
            "(docs/iam.md)."
        )
