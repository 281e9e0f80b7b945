"""The file that is deployed, with the files that it includes and the defaults that it declares.

docs/decisions/0037: only the file itself includes others, and each name stands in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from stacks.config.file import yaml_text
from stacks.config.file.nodes import Mistake, Node, Position, Scalar, plain
from stacks.config.file.suggestions import near

# What an included file may have.
SHARED = ("environments", "applications")
# Names at the top level that say nothing: a place for anchors.
_EXTENSION = "x-"
# All files together.
_MOST_BYTES = 32 * 2**20


class _Budget:
    def __init__(self) -> None:
        self.left, self.files = _MOST_BYTES, 0


def read(path: Path) -> tuple[Node, list[Mistake]]:
    """Return what the file and its parts say, and their mistakes. Raises yaml_text.Unreadable."""
    budget = _Budget()
    root, mistakes = _read_file(path, str(path), budget)
    fields = {name: field for name, field in root.fields.items() if not name.startswith(_EXTENSION)}
    if "include" not in fields:
        return (replace(root, content=fields) if root.fields else root), mistakes
    for part in _included(path, fields["include"], mistakes):
        try:
            content, part_mistakes = _read_file(part, str(part), budget)
            mistakes += part_mistakes
        except yaml_text.Unreadable as error:
            mistakes.append(error.mistake)
            continue
        _add(fields, content, path, mistakes)
    return replace(root, content=fields), mistakes


def _read_file(path: Path, name: str, budget: _Budget) -> tuple[Node, list[Mistake]]:
    position = Position(budget.files + 1, name, 1)
    try:
        with path.open("rb") as file:
            content = file.read(budget.left + 1)
    except OSError as error:
        raise yaml_text.Unreadable(position, f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a null character in its name
        raise yaml_text.Unreadable(position, f"cannot be read: {error}") from error
    budget.left -= len(content)
    budget.files += 1
    if budget.left < 0:
        raise yaml_text.Unreadable(
            position, f"the files have more than {_MOST_BYTES // 2**20} MiB in all; shorten them"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise yaml_text.Unreadable(replace(position, line=line), f"is not UTF-8 text: {error.reason}") from error
    return yaml_text.read(text, file=name, number=budget.files)


def _included(path: Path, field: Node, mistakes: list[Mistake]) -> list[Path]:
    """Return the files that the patterns match: in the order of the patterns, then of their names, each once."""
    folder = path.parent.resolve()
    matched: dict[Path, Path] = {}
    patterns = [field] if isinstance(field.content, Scalar) else [item for _, item in field.parts]
    for item in patterns:
        pattern = item.content.value if isinstance(item.content, Scalar) else None
        if not isinstance(pattern, str):
            continue  # the schema says so
        files, problem = _matches(path, folder, pattern)
        if problem:
            mistakes.append((item.position, f"include: {problem}"))
        for file in files:
            matched.setdefault(file.resolve(), file)
    return list(matched.values())


def _matches(path: Path, folder: Path, pattern: str) -> tuple[list[Path], str]:
    if not pattern or "\0" in pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        return [], f"{pattern!r} must be a path below this file's folder, such as applications/*.yaml"
    try:
        files = sorted(file for file in path.parent.glob(pattern) if file.is_file())
    except (ValueError, NotImplementedError, OSError) as error:
        return [], f"{pattern!r} is no pattern of paths: {error}"
    if not files:
        existing = sorted(str(file.relative_to(path.parent)) for file in path.parent.glob("*/*.y*ml"))
        return [], f"{pattern!r} matches no file{near(pattern, existing)}"
    for file in files:
        if not file.resolve().is_relative_to(folder):
            return [], f"{pattern!r} matches {str(file)!r}, a link that leads out of this file's folder"
        if file.resolve() == path.resolve():
            return [], f"{pattern!r} matches this file itself"
    return files, ""


def _add(fields: dict[str, Node], part: Node, path: Path, mistakes: list[Mistake]) -> None:
    """Add what an included file has; what it must not have, or another one has, is a mistake."""
    if not isinstance(part.content, Mapping):
        mistakes.append((part.position, f"the file: must be a mapping of {' and '.join(SHARED)}"))
    for name, field in part.fields.items():
        if name.startswith(_EXTENSION):
            continue
        if name not in SHARED:
            sentence = f"an included file has {' and '.join(SHARED)} only; {_home(name, path)}"
            mistakes.append((field.position, f"{name}: {sentence}"))
        elif not isinstance(field.content, Mapping):
            mistakes.append((field.position, f"{name}: must be a mapping"))
        else:
            fields[name] = _united(name, fields.get(name), field, mistakes)


def _home(name: str, path: Path) -> str:
    return f"{path} has the others" if name in {"hub", "include", "defaults"} else f"leave it out{near(name, SHARED)}"


def _united(name: str, before: Node | None, after: Node, mistakes: list[Mistake]) -> Node:
    if before is None or not isinstance(before.content, Mapping):
        return after if before is None else before
    for key in after.fields:
        if key in before.fields:
            mistakes.append((after.fields[key].position, f"{name}.{key}: is also in {before.fields[key].position}"))
    return replace(
        before,
        content={**before.fields, **{key: value for key, value in after.fields.items() if key not in before.fields}},
    )


def with_defaults(root: Node) -> Node:
    """Return the file with each application and each stage as its defaults make it.

    A field of a stage comes from the stage itself, the application's `defaults`, `defaults.stages` or `defaults.stage`,
    whichever has it first; of an application, from itself or `defaults.application`. Values are not merged. A field
    that is null leaves its default out.
    """
    defaults = root.fields.get("defaults", Node(None, {})).fields
    applications = root.fields.get("applications")
    if applications is None or not isinstance(applications.content, Mapping):
        return root
    whole = {name: _application(application, defaults) for name, application in applications.content.items()}
    return replace(root, content={**root.fields, "applications": replace(applications, content=whole)})


def _application(application: Node, defaults: Mapping[str, Node]) -> Node:
    if not isinstance(application.content, Mapping):
        return application
    fields = _filled(application, defaults.get("application"))
    stages = fields.get("stages")
    if stages is not None and isinstance(stages.content, Mapping):
        by_name = defaults["stages"].fields if "stages" in defaults else {}
        whole = {
            name: Node(
                stage.position,
                _filled(stage, fields.get("defaults"), by_name.get(name), defaults.get("stage")),
            )
            if isinstance(stage.content, Mapping)
            else stage
            for name, stage in stages.content.items()
        }
        fields["stages"] = replace(stages, content=whole)
    return replace(application, content=fields)


def _filled(node: Node, *defaults: Node | None) -> dict[str, Node]:
    """Return the fields of a node and, where it has none, of the first default that has it."""
    inherited: dict[str, Node] = {}
    for default in reversed(defaults):
        inherited |= default.fields if default else {}
    own = {name: field for name, field in node.fields.items() if name not in inherited or plain(field) is not None}
    dropped = {name for name, field in node.fields.items() if name in inherited and name not in own}
    return {**own, **{name: field for name, field in inherited.items() if name not in own and name not in dropped}}


def positions_of_defaults(root: Node) -> Iterator[tuple[str, str, Node]]:
    """Yield each default: its path, whether it is of an application or a stage, and its fields."""
    defaults = root.fields.get("defaults", Node(None, {})).fields
    for kind in ("application", "stage"):
        if kind in defaults:
            yield f"defaults.{kind}", kind, defaults[kind]
    for name, fields in (defaults["stages"].fields if "stages" in defaults else {}).items():
        yield f"defaults.stages.{name}", "stage", fields
    for name, application in root.fields.get("applications", Node(None, {})).fields.items():
        if "defaults" in application.fields:
            yield f"applications.{name}.defaults", "stage", application.fields["defaults"]
