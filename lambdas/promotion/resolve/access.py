"""The reader's session: models and artifacts of a source."""

from __future__ import annotations

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract.document import Execution
from lambdas.promotion.contract.resource_names import Duty
from lambdas.promotion.contract.settings import Environment


def as_reader(source: Environment, *, execution: Execution, external_id: str | None) -> Account:
    """Look at models and artifacts. Not narrowed: what a model consists of is what the reader finds out."""
    return sessions.assume(
        source.role_arn(Duty.READER),
        region=source.region,
        session_name=execution.promotion_id,
        external_id=external_id,
    )
