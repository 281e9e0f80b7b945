"""Compare what endpoints load, and can be rolled back to, with what was verified."""

from __future__ import annotations

import functools
from typing import Any

from lambdas.promotion.artifacts import verified_copies
from lambdas.promotion.artifacts.access import auditor_session
from lambdas.promotion.aws import concurrency, sessions
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.errors import ArtifactMismatch, PromotionError, Transient
from lambdas.promotion.contract.settings import Environment, Hub
from lambdas.promotion.contract.time_limits import CONNECTIONS
from lambdas.promotion.outcome import artifact_audit, metrics
from lambdas.promotion.outcome.artifact_audit import AuditedCopies
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """A schedule runs this; its event is not read.

    What cannot be compared hides nothing else: the others are compared, then the first such error is raised.
    """
    deployed = settings.deployed()
    audited = artifact_audit.of_endpoints(deployed, dynamodb=sessions.own_dynamodb())
    accounts = {
        target: _enter(target, deployed.external_id) for target in dict.fromkeys(copies.target for copies in audited)
    }
    results = concurrency.run(
        [functools.partial(_compare, copies, accounts[copies.target], deployed.hub) for copies in audited],
        at_once=CONNECTIONS,
        until=Clock.of(context).until,
        doing=f"Comparing {len(audited)} lists of copies",
    )
    changed = [change for changes, _ in results for change in changes]
    metrics.report_changed_artifacts(len(changed))
    failure = next((error for _, error in results if error), None)
    if failure:
        raise failure
    return {"lists": len(audited), "changed": len(changed)}


def _enter(target: Environment, external_id: str | None) -> RoleSession | PromotionError:
    """Return the auditor's session in a target, or why there is none."""
    try:
        return auditor_session(target, external_id=external_id)
    except PromotionError as error:
        return error


def _compare(
    copies: AuditedCopies, account: RoleSession | PromotionError, hub: Hub
) -> tuple[list[str], PromotionError | None]:
    """Return what has changed in one list's copies, and what made it impossible to tell."""
    verified, promotions = copies.verified, copies.promotions
    try:
        if isinstance(account, PromotionError):
            raise account
        changed = verified_copies.changes(verified, copies.target.account, hub, hub_s3=hub_s3(), s3=account.s3)
    except ArtifactMismatch as error:  # the list itself
        changed = [str(error)]
    except Transient:
        raise  # is retried
    except PromotionError as error:
        logger.error("Copies could not be compared", extra={"promotions": promotions, "cause": str(error)})
        return [], error
    for change in changed:
        logger.error("A verified copy changed", extra={"promotions": promotions, "change": change})
    return changed, None
