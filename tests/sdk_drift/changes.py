"""What differs between two versions of the SDK's models, as far as the operations that are called reach.

Two operations are walked side by side, request, response and errors, so a shape that only has another name is no
change. Of a structure that is new, the field that leads to it is the change: what is below it is decided with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

_LIMITS = ("min", "max", "pattern")
# What is promoted, by the nouns of its operations: another operation on it concerns us, though nothing calls it.
_PROMOTED: Mapping[str, tuple[str, ...]] = {
    "sagemaker": ("Endpoint", "Model"),
    "application-autoscaling": ("Scalable", "Scaling", "Scheduled"),
}


@dataclass(frozen=True, order=True)
class Change:
    """`subject` is a shape of the API, or an operation."""

    service: str
    subject: str
    text: str


def changes(
    service: str, operations: Iterable[str], old: ServiceModel, new: ServiceModel
) -> dict[Change, frozenset[str]]:
    """Return each change with the operations that it concerns."""
    concerned: dict[Change, set[str]] = {}
    for operation in operations:
        for subject, text in _of_operation(operation, old, new):
            concerned.setdefault(Change(service, subject, text), set()).add(operation)
    for operation in _operations_on_what_is_promoted(service, set(new.operation_names) - set(old.operation_names)):
        concerned.setdefault(Change(service, operation, "+ operation"), set()).add(operation)
    return {change: frozenset(names) for change, names in concerned.items()}


def _operations_on_what_is_promoted(service: str, operations: Collection[str]) -> Iterator[str]:
    for operation in operations:
        noun = "".join(word.title() for word in xform_name(operation).split("_")[1:])
        if noun.startswith(_PROMOTED.get(service, ())):
            yield operation


def _of_operation(name: str, old: ServiceModel, new: ServiceModel) -> Iterator[tuple[str, str]]:
    for model, text in ((new, "- operation"), (old, "+ operation")):
        if name not in model.operation_names:
            yield name, text
            return
    before, after = old.operation_model(name), new.operation_model(name)
    if after.deprecated and not before.deprecated:
        yield name, "+ deprecated"
    yield from ((name, text) for text in _added_and_removed("error", _codes(before), _codes(after)))
    yield from _of_shapes(before.input_shape, after.input_shape, set(), sent=True)
    yield from _of_shapes(before.output_shape, after.output_shape, set(), sent=False)


def _codes(operation: OperationModel) -> set[str]:
    return {str(error.metadata.get("error", {}).get("code", error.name)) for error in operation.error_shapes}


def _of_shapes(
    old: Shape | None, new: Shape | None, walked: set[tuple[str, str]], *, sent: bool
) -> Iterator[tuple[str, str]]:
    if old is None or new is None:
        return
    if (old.name, new.name) in walked:
        return
    walked.add((old.name, new.name))
    yield from ((new.name, text) for text in _of_values(old, new))
    if isinstance(old, StructureShape) and isinstance(new, StructureShape):
        yield from ((new.name, text) for text in _of_fields(old, new, sent=sent))
        for name in old.members.keys() & new.members.keys():
            yield from _of_shapes(old.members[name], new.members[name], walked, sent=sent)
    elif isinstance(old, ListShape) and isinstance(new, ListShape):
        yield from _of_shapes(old.member, new.member, walked, sent=sent)
    elif isinstance(old, MapShape) and isinstance(new, MapShape):
        yield from _of_shapes(old.key, new.key, walked, sent=sent)
        yield from _of_shapes(old.value, new.value, walked, sent=sent)


def _of_fields(old: StructureShape, new: StructureShape, *, sent: bool) -> Iterator[str]:
    yield from _added_and_removed("field", set(old.members), set(new.members))
    if sent:
        yield from _added_and_removed("required", set(old.required_members), set(new.required_members))


def _of_values(old: Shape, new: Shape) -> Iterator[str]:
    if old.type_name != new.type_name:
        yield f"type {old.type_name} => {new.type_name}"
    yield from _added_and_removed("value", set(old.metadata.get("enum", ())), set(new.metadata.get("enum", ())))
    for limit in _LIMITS:
        before, after = old.metadata.get(limit), new.metadata.get(limit)
        if before != after:
            yield f"{limit} {before} => {after}"


def _added_and_removed(kind: str, old: set[str], new: set[str]) -> Iterator[str]:
    yield from (f"+ {kind} {name}" for name in new - old)
    yield from (f"- {kind} {name}" for name in old - new)
