"""Faults of single requests: refused, answered late, answered with what was true before."""

import copy
from typing import Any

from ministack.core.responses import get_account_id, get_region

from sandbox.aws.faults import fault_queue
from sandbox.aws.faults.faults import Fault, Kind, Layer
from sandbox.aws.sagemaker.api import arns
from sandbox.aws.sagemaker.api.errors import Invalid, Refusal
from sandbox.aws.sagemaker.state import Record

# The last response of each Describe: what a replica that lags behind still returns.
_last_answers: dict[tuple[str, str, str, str], Record] = {}


def forget() -> None:
    _last_answers.clear()


def refuse(operation: str, subject: str) -> None:
    """Raise the error of a pending fault, before the operation has an effect."""
    if fault := _take(operation, subject, Kind.THROTTLE):
        raise _error(fault)
    if fault := _take(operation, subject, Kind.ERROR):
        raise _error(fault)


def refuse_after(operation: str, subject: str) -> None:
    """Raise the error of a pending fault, after the operation has had its effect."""
    if fault := _take(operation, subject, Kind.ERROR_AFTER):
        raise _error(fault)


async def hang(operation: str, subject: str, kind: Kind) -> None:
    if fault := _take(operation, subject, kind):
        await fault_queue.hang(Layer.SAGEMAKER, fault.seconds)


def stale_answer(operation: str, subject: str, parameters: Record) -> Record | None:
    """The response of an outdated replica, if a fault asks for it. What was never described does not exist there."""
    if not _take(operation, subject, Kind.STALE):
        return None
    if (answer := _last_answers.get(_key(operation, subject))) is not None:
        return answer
    raise _not_found(operation, subject, parameters)


def with_unknown_field(operation: str, subject: str, answer: Record) -> Record:
    """The response of a service that is newer than the SDK, if a fault asks for it: it has one more field."""
    if not (fault := _take(operation, subject, Kind.UNKNOWN_FIELD)):
        return answer
    changed = copy.deepcopy(answer)
    *path, name = fault.field.split(".")
    parent: Any = changed
    for part in path:
        parent = parent[int(part) if part.isdigit() else part]
    parent[name] = "a value that botocore does not know"
    return changed


def remember(operation: str, subject: str, answer: Record) -> None:
    if operation.startswith("Describe"):
        _last_answers[_key(operation, subject)] = answer


def _take(operation: str, subject: str, kind: Kind) -> Fault | None:
    return fault_queue.take(Layer.SAGEMAKER, {kind}, operation, account=get_account_id(), resource=subject)


def _key(operation: str, subject: str) -> tuple[str, str, str, str]:
    return get_account_id(), get_region(), operation, subject


def _error(fault: Fault) -> Refusal:
    error = fault.error
    return Refusal(error.code, error.message, error.status)


def _not_found(operation: str, subject: str, parameters: Record) -> Invalid:
    if operation.endswith("ModelPackage"):
        return Invalid(f"ModelPackage {arns.package(subject)} does not exist.")
    if operation.endswith("ModelPackageGroup"):
        return Invalid(f"Model Package Group {arns.package_group(subject)} does not exist.")
    if operation.endswith("Model"):
        return Invalid(f'Could not find model "{arns.model(subject)}".')
    if config := parameters.get("EndpointConfigName"):
        return Invalid(f'Could not find endpoint configuration "{arns.endpoint_config(config)}".')
    return Invalid(f'Could not find endpoint "{arns.endpoint(subject)}".')
