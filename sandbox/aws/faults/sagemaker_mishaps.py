"""Faults of single requests: refused, answered late, answered with what was true before."""

from ministack.core.responses import get_account_id, get_region

from sandbox.aws.faults import sagemaker_board
from sandbox.aws.faults.sagemaker import Fault, Kind
from sandbox.aws.sagemaker.api import arns
from sandbox.aws.sagemaker.api.errors import Invalid, Refusal
from sandbox.aws.sagemaker.state import Record

# The last answer that each Describe gave: what a reader sees who is served by a replica that lags behind.
_last_answers: dict[tuple[str, str, str, str], Record] = {}


def forget() -> None:
    _last_answers.clear()


def refuse(operation: str, subject: str) -> None:
    """Raise what a waiting fault says is answered before anything happens."""
    if _take(operation, subject, Kind.THROTTLE):
        raise Refusal("ThrottlingException", "Rate exceeded")
    if fault := _take(operation, subject, Kind.ERROR):
        raise _error(fault)


def refuse_after(operation: str, subject: str) -> None:
    """Raise what a waiting fault says is answered although it happened."""
    if fault := _take(operation, subject, Kind.ERROR_AFTER):
        raise _error(fault)


async def hang(operation: str, subject: str, kind: Kind) -> None:
    if fault := _take(operation, subject, kind):
        await sagemaker_board.hang(fault.seconds)


def stale_answer(operation: str, subject: str, parameters: Record) -> Record | None:
    """What an outdated replica answers, if a fault asks for it. It has not heard of what was never described."""
    if not _take(operation, subject, Kind.STALE):
        return None
    if (answer := _last_answers.get(_key(operation, subject))) is not None:
        return answer
    raise _not_found(operation, subject, parameters)


def remember(operation: str, subject: str, answer: Record) -> None:
    if operation.startswith("Describe"):
        _last_answers[_key(operation, subject)] = answer


def _take(operation: str, subject: str, kind: Kind) -> Fault | None:
    return sagemaker_board.take(operation, {kind}, account=get_account_id(), resource=subject)


def _key(operation: str, subject: str) -> tuple[str, str, str, str]:
    return get_account_id(), get_region(), operation, subject


def _error(fault: Fault) -> Refusal:
    return Refusal(fault.code, fault.message, fault.status)


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
