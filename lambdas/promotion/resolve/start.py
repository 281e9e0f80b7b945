"""How an execution was started, by what Step Functions reports: no input can claim it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import Execution
from lambdas.promotion.contract.errors import NotYetVisible

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


def alias_of(execution: Execution, *, stepfunctions: SFNClient) -> str | None:
    """Return the alias of the state machine by which an execution was started; None if by none.

    The context object of an execution does not have it. Raises NotYetVisible: DescribeExecution is eventually
    consistent (API: DescribeExecution).
    """
    try:
        described = stepfunctions.describe_execution(executionArn=execution.arn)
    except ClientError as error:
        if error_codes.code_of(error) not in error_codes.STEPFUNCTIONS_NO_SUCH_EXECUTION:
            raise
        raise NotYetVisible(f"Step Functions does not describe the execution {execution.arn} yet.") from error
    arn = described.get("stateMachineAliasArn")
    return arn.rpartition(":")[2] if arn else None
