"""Read promotion.yaml and check it: all mistakes at once, each with its line, its path and what is expected there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from stacks.config import document_size, file_constraints, sentences, well_formed
from stacks.config.fields.field_types import StrictModel
from stacks.config.file import nodes, parts
from stacks.config.file.nodes import Mistake, Node
from stacks.config.file.suggestions import near
from stacks.config.file.yaml_text import Unreadable
from stacks.config.schema import Application, ConfigurationError, Stage
from stacks.config.topology import Configuration

_DEFAULTS: Mapping[str, type[StrictModel]] = {"application": Application, "stage": Stage}


def load(path: Path) -> Configuration:
    """Read and check the file and what it includes. Raises ConfigurationError with every mistake, one a line."""
    try:
        root, mistakes = parts.read(path)
    except Unreadable as error:
        raise _error(str(path), [error.mistake]) from error
    return _checked(root, mistakes, file=str(path))


def parse(raw: object, *, file: str) -> Configuration:
    """Check what a file would say, with its defaults. Raises ConfigurationError; its mistakes have no lines."""
    return _checked(nodes.from_plain(raw), [], file=file)


def _checked(root: Node, mistakes: Sequence[Mistake], *, file: str) -> Configuration:
    whole = parts.with_defaults(root)
    raw = nodes.plain(whole)
    problems = list(_default_problems(root))
    try:
        configuration = Configuration.model_validate(raw)
    except ValidationError as error:
        problems += sentences.of(error, whole)
        configuration = well_formed.configuration_of(raw)
    named = raw.get("environments") if isinstance(raw, dict) else None
    problems += _constraint_problems(configuration, named if isinstance(named, dict) else {})
    mistakes = [*mistakes, *nodes.positioned(problems, whole)]
    if mistakes:
        raise _error(file, mistakes)
    return configuration


def _constraint_problems(configuration: Configuration, named: dict[str, object]) -> Iterator[str]:
    yield from file_constraints.reference_violations(configuration, named)
    yield from file_constraints.python_violations(configuration)
    yield from file_constraints.limit_violations(configuration)
    yield from document_size.violations(configuration)
    try:
        configuration.deployment_order()
    except ConfigurationError as error:
        yield str(error)


def _default_problems(root: Node) -> Iterator[str]:
    """Yield what is malformed in defaults, used or not; what they lack, those that they are for may have."""
    stage_names = {
        stage
        for application in root.fields.get("applications", Node(None, {})).fields.values()
        for stage in application.fields.get("stages", Node(None, {})).fields
    }
    for path, kind, fields in parts.positions_of_defaults(root):
        name = path.rpartition(".")[2]
        if path.startswith("defaults.stages.") and stage_names and name not in stage_names:
            yield f"{path}: no application has a stage of this name{near(name, stage_names)}"
        if not isinstance(fields.content, Mapping):
            continue  # the schema says so
        try:
            _DEFAULTS[kind].model_validate(nodes.plain(fields))
        except ValidationError as error:
            for problem in sentences.of(error, fields, schema=_DEFAULTS[kind].__name__):
                if not problem.endswith(": is missing") or problem.split(":")[0].count("."):
                    yield f"{path}.{problem}"


def _error(file: str, mistakes: Sequence[Mistake]) -> ConfigurationError:
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    lines = "".join(f"\n  {line}" for line in nodes.listed(mistakes))
    return ConfigurationError(f"{file} has {count}:{lines}")
