"""Read promotion.yaml and check it: all mistakes at once, each with its line, its path and what is expected there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stacks.config import document_size, file_constraints, lines, yaml_text
from stacks.config.fields.field_types import EXPLANATIONS
from stacks.config.schema import Application, ConfigurationError, Environment, Stage
from stacks.config.topology import Configuration


def load(path: Path) -> Configuration:
    """Read and check the file. Raises ConfigurationError with every mistake, one a line."""
    try:
        text = path.read_text()
        raw = yaml_text.read(text)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    return parse(raw, file=str(path), text=text)


def parse(raw: object, *, file: str, text: str = "") -> Configuration:
    """Check what the file says. Raises ConfigurationError; with the file's text, its mistakes have their lines."""
    problems: list[str] = []
    try:
        configuration = Configuration.model_validate(raw)
    except ValidationError as error:
        problems = [f"{_path(mistake['loc'])}: {_sentence(mistake)}" for mistake in error.errors(include_url=False)]
        configuration = _well_formed(raw)
    named = raw.get("environments") if isinstance(raw, dict) else None
    problems += file_constraints.reference_violations(configuration, named if isinstance(named, dict) else {})
    if not problems:
        problems += [
            *file_constraints.python_violations(configuration),
            *file_constraints.limit_violations(configuration),
            *document_size.violations(configuration),
        ]
        try:
            configuration.deployment_order()
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        listed = "\n".join(f"  {lines.with_line(problem, root)}" for problem in problems)
        raise ConfigurationError(f"{file} has {mistakes}:\n{listed}")
    return configuration


def _well_formed(raw: object) -> Configuration:
    """Return the well-formed parts of a file with mistakes: constraint violations between them are reported as well."""
    file = raw if isinstance(raw, dict) else {}
    applications = {}
    for name, application in _mapping(file, "applications").items():
        stages = {key: _well_formed_stage(stage) for key, stage in _mapping(application, "stages").items()}
        group = application.get("model_package_group") if isinstance(application, dict) else None
        if stages:
            # A malformed group counts as one that no other application has.
            group_name = group if isinstance(group, str) else f"{name}\n"
            applications[name] = Application.model_construct(model_package_group=group_name, stages=stages)
    environments = {
        key: environment
        for key, value in _mapping(file, "environments").items()
        if (environment := _read_environment(value))
    }
    return Configuration.model_construct(environments=environments, applications=applications)


# A stage's fields as the file calls them, and as the schema does.
_FIELDS = {field.alias or name: name for name, field in Stage.model_fields.items()}
# What replaces a malformed field, so that the others can be read; and what it counts as, which violates no constraint.
_PLACEHOLDERS: dict[str, Any] = {
    "from": "nowhere",
    "endpoint": "nowhere",
    "variants": [{"name": "none"}],
    "deadline": "8h",
}
_UNKNOWN: dict[str, Any] = {"from": "", "endpoint": "", "variants": []}


def _well_formed_stage(raw: object) -> Stage:
    """Return the stage with its well-formed fields; a malformed one is empty, and violates no constraint."""
    fields = raw if isinstance(raw, dict) else {}
    try:
        return Stage.model_validate(fields)
    except ValidationError as error:
        malformed = {mistake["loc"][0] for mistake in error.errors()}
    good = {name: value for name, value in fields.items() if name in _FIELDS and name not in malformed}
    stand_ins = {name: value for name, value in _PLACEHOLDERS.items() if name in malformed}
    unknown = {_FIELDS[name]: value for name, value in _UNKNOWN.items() if name in malformed}
    return Stage.model_validate({**stand_ins, **good}).model_copy(update=unknown)


def _mapping(raw: object, field_name: str) -> dict[str, object]:
    value = raw.get(field_name) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}


def _read_environment(raw: object) -> Environment | None:
    try:
        return Environment.model_validate(raw)
    except ValidationError:
        return None


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "the file"


# What pydantic finds, in words for a person; {input} and the limits are the error's own.
_SENTENCES = {
    "bool_type": "must be true or false, not {input!r}",
    "dict_type": "must be a mapping, not {input!r}",
    "extra_forbidden": "there is no such field",
    "int_from_float": "must be a whole number, not {input!r}",
    "int_type": "must be a whole number, not {input!r}",
    "list_type": "must be a list, not {input!r}",
    "missing": "is missing",
    "model_type": "must be a mapping, not {input!r}",
    "string_pattern_mismatch": "must be {meaning}, not {input!r}",
    "string_type": "must be text, not {input!r}",
    "too_long": "must have at most {max_length}, not {actual_length}",
    "tuple_type": "must be a list, not {input!r}",
    "too_short": "must have at least {min_length}, not {actual_length}",
    "value_error": "{error}",
}


# Fields that the API has and a stage has not, with what takes their place.
_NOT_OFFERED = {
    # recordings/sagemaker/CreateEndpointConfig.yaml.
    "managed_instance_scaling": "SageMaker refuses it for a variant with a model: only endpoints of inference "
    "components have it. Leave it out, and scale the variant with the stage's autoscaling",
    # API: ProductionVariant.
    "accelerator_partition_layouts": "each partition is for one inference component, and a promoted model is in none. "
    "Leave it out: the variant then has its accelerators whole",
}


def _sentence(error: Any) -> str:
    if error["type"] == "extra_forbidden" and error["loc"][-1] in _NOT_OFFERED:
        return _NOT_OFFERED[error["loc"][-1]]
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        kind = "true or false" if isinstance(error["input"], bool) else "a number"
        return f"must be text; put it in quotes, or YAML reads it as {kind}"
    context = error.get("ctx", {})
    message = re.sub(r"^(Input|String|List|Dictionary|Value)", "it", error["msg"]).replace("{", "{{").replace("}", "}}")
    sentence = _SENTENCES.get(error["type"], f"{message}, not {{input!r}}").format(
        **{"input": error["input"], "meaning": EXPLANATIONS.get(context.get("pattern", "")), **context}
    )
    return sentence.replace(", not None", ", and is empty") if error["input"] is None else sentence
