"""The reader's session: models and artifacts of a source."""

from __future__ import annotations

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Execution
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment


def reader_session(source: Environment, *, execution: Execution, external_id: str | None) -> RoleSession:
    """Read models and artifacts. Without a session policy: the reader discovers what the model consists of."""
    return sessions.assume(
        source.role_arn(Role.READER),
        region=source.region,
        session_name=execution.promotion_id,
        external_id=external_id,
    )
