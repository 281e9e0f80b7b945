"""Another promotion holds the endpoint's lock: may this one wait for it, or is that one gone?"""

from __future__ import annotations

from lambdas.promotion import lock_rules, locks
from lambdas.promotion.aws import sessions
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.settings import WhenLocked
from lambdas.promotion.lock_rules import Waiting
from lambdas.promotion.runtime.handler import logger, now, step


@step
def handler(promotion: Promotion) -> Promotion:
    dynamodb, stepfunctions = sessions.own_dynamodb(), sessions.own_stepfunctions()
    key, me = promotion.endpoint_key, promotion.execution.arn
    held = locks.look(key, dynamodb=dynamodb)
    if held.owner in {None, me}:
        return promotion
    if not locks.is_running(str(held.owner), stepfunctions=stepfunctions):
        # It was stopped, and what tidies up after it has not come here yet.
        locks.release(key, str(held.owner), dynamodb=dynamodb)
        logger.warning("Freed the lock of an execution that is gone", extra={"owner": held.owner})
        return promotion
    lock_rules.require_patience(promotion, held, now=now())
    if promotion.stage.when_locked is WhenLocked.NEWEST_WINS and not lock_rules.goes_back(promotion):
        newer = lock_rules.newer_that_waits(promotion, held)
        if newer and locks.is_running(newer.owner, stepfunctions=stepfunctions):
            raise lock_rules.superseded(promotion, held, newer)
        locks.wait(key, Waiting(owner=me, made_at=promotion.model.made_at), held.waiting, dynamodb=dynamodb)
    return promotion
