"""Another promotion holds the endpoint's lock: wait for it, or release the lock of an execution that has ended."""

from __future__ import annotations

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.settings import WhenLocked
from lambdas.promotion.lock import policy as lock_policy
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.lock.policy import Waiter
from lambdas.promotion.runtime.handler import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    dynamodb, stepfunctions = sessions.own_dynamodb(), sessions.own_stepfunctions()
    key, me = promotion.endpoint_key, promotion.execution.arn
    lock = lock_store.read(key, dynamodb=dynamodb)
    if lock.owner in {None, me}:
        return promotion
    if not lock_store.is_running(str(lock.owner), stepfunctions=stepfunctions):
        # It was stopped, and its cleanup has not run yet.
        lock_store.release(key, str(lock.owner), dynamodb=dynamodb)
        logger.warning("Released the lock of an execution that no longer runs", extra={"owner": lock.owner})
        return promotion
    lock_policy.require_may_wait(promotion, lock, now=now())
    if promotion.stage.when_locked is WhenLocked.NEWEST_WINS and not lock_policy.allows_older(promotion.request):
        waiter = Waiter(owner=me, made_at=promotion.model.made_at)
        newer = lock_policy.newer_waiter(waiter, lock)
        if newer and lock_store.is_running(newer.owner, stepfunctions=stepfunctions):
            raise lock_policy.superseded(promotion, lock, newer)
        lock_store.register_waiter(key, waiter, lock.waiting, dynamodb=dynamodb)
    return promotion
