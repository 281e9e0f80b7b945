"""How an endpoint gets from one state to the next, in its own time: each change runs in a thread of its own."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator

from ministack.core.responses import get_account_id, get_region, request_scope

from sandbox.aws.faults.faults import Fault, Kind
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import settings, tags
from sandbox.aws.sagemaker.endpoints import alarms
from sandbox.aws.sagemaker.endpoints.endpoint import Endpoint, Pending, Status, Variant, now, publish_state
from sandbox.aws.sagemaker.endpoints.fleet import Fleet
from sandbox.aws.sagemaker.hosting import hosting
from sandbox.aws.sagemaker.hosting.hosting import HostingFailed
from sandbox.aws.sagemaker.state import Record

logger = logging.getLogger("sagemaker")

NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)
UNHEALTHY = (
    "The primary container for production variant {variant} did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
BREAKDOWN = "Request to service failed. If failure persists after retry, contact customer support."
POLL_SECONDS = 0.02


class Forgotten(Exception):
    """The endpoint was removed while its deployment ran."""


def create(endpoint: Endpoint, fault: Fault | None) -> None:
    """Creating → InService | Failed."""
    _begin(endpoint, Status.CREATING, lambda: _create(endpoint, fault))


def update(endpoint: Endpoint, pending: Pending, fault: Fault | None) -> None:
    """InService → Updating → InService, on the new configuration or (rolled back) on the old one."""
    endpoint.pending = pending
    _begin(endpoint, Status.UPDATING, lambda: _update(endpoint, pending, fault))


def rescale(endpoint: Endpoint, variants: list[Variant], fault: Fault | None) -> None:
    """InService → Updating → InService with other weights and counts, or with the former ones after RollingBack."""
    _begin(endpoint, Status.UPDATING, lambda: _rescale(endpoint, variants, fault))


def delete(endpoint: Endpoint) -> None:
    """Deleting, and then gone."""
    _begin(endpoint, Status.DELETING, lambda: _delete(endpoint))


def maintain(endpoint: Endpoint, seconds: float) -> None:
    """InService → SystemUpdating → InService: AWS patches the fleet."""
    _begin(endpoint, Status.SYSTEM_UPDATING, lambda: _maintain(endpoint, seconds))


def _begin(endpoint: Endpoint, status: Status, change: Callable[[], None]) -> None:
    endpoint.become(status)
    account, region = get_account_id(), get_region()

    def run() -> None:
        with request_scope(account, region):
            try:
                publish_state(endpoint)
                change()
            except Forgotten:
                logger.info("endpoint %s was removed during its deployment", endpoint.name)
            except Exception:
                logger.exception("the deployment of endpoint %s broke down", endpoint.name)
                _fail(endpoint, BREAKDOWN)

    threading.Thread(target=run, name=f"deployment of {endpoint.name}", daemon=True).start()


def _create(endpoint: Endpoint, fault: Fault | None) -> None:
    started = time.monotonic()
    pending = endpoint.pending
    assert pending is not None  # noqa: S101 - CreateEndpoint sets it
    try:
        _let_fail(endpoint, pending, fault)
        fleet = hosting.launch(endpoint.name, pending.config)
    except HostingFailed as failure:
        _rest_until(endpoint, started + settings.endpoint_seconds())
        _fail(endpoint, str(failure))
        return
    _rest_until(endpoint, started + settings.endpoint_seconds(), fleet)
    _switch(endpoint, pending, fleet)
    _settle(endpoint, fault)


def _update(endpoint: Endpoint, pending: Pending, fault: Fault | None) -> None:
    started = time.monotonic()
    fresh: Fleet | None = None
    old = endpoint.fleets()
    try:
        _let_fail(endpoint, pending, fault)
        alarms.require_quiet(pending.policy)
        fresh = hosting.launch(endpoint.name, pending.config)
        _rest_until(endpoint, started + settings.endpoint_seconds(), fresh)
        _shift_traffic(endpoint, pending, fresh)
    except Forgotten:
        if fresh is not None:
            fresh.stop()
        raise
    except (HostingFailed, alarms.Raised) as failure:
        with state.LOCK:
            endpoint.traffic = [(fleet, 1.0) for fleet in old]
        if fresh is not None:
            fresh.drain()
        _rest_until(endpoint, started + settings.endpoint_seconds())
        _roll_back(endpoint, str(failure), fault)
        return
    _switch(endpoint, pending, fresh)
    for fleet in old:
        fleet.drain()
    _settle(endpoint, fault)


def _let_fail(endpoint: Endpoint, pending: Pending, fault: Fault | None) -> None:
    if fault is None or fault.kind is Kind.SYSTEM_UPDATING:
        return
    _rest_until(endpoint, time.monotonic() + settings.endpoint_seconds())
    usual = NO_CAPACITY if fault.kind is Kind.NO_CAPACITY else UNHEALTHY.format(variant=pending.variants[0].name)
    raise HostingFailed(fault.reason or usual)


def _roll_back(endpoint: Endpoint, reason: str, fault: Fault | None) -> None:
    kind = fault.kind if fault else None
    endpoint.pending = None
    if kind is Kind.FAIL:
        _fail(endpoint, reason)
    elif kind is Kind.ROLLBACK_FAILED:
        endpoint.turn(Status.UPDATE_ROLLBACK_FAILED, reason=reason)
    else:
        endpoint.turn(Status.IN_SERVICE, reason=reason)


def _fail(endpoint: Endpoint, reason: str) -> None:
    with state.LOCK:
        fleets = endpoint.fleets()
        endpoint.pending, endpoint.traffic = None, []
    endpoint.turn(Status.FAILED, reason=reason)
    for fleet in fleets:
        fleet.stop()


def _shift_traffic(endpoint: Endpoint, pending: Pending, fresh: Fleet) -> None:
    """Move the requests to the new fleet as the policy says, watching its alarms meanwhile."""
    old = endpoint.fleets()
    wait, termination_wait = _waits(pending.policy)
    for share in _shares(pending):
        pending.stage = "ActivatingTraffic"
        with state.LOCK:
            endpoint.traffic = [(fresh, share)] + [(fleet, (1.0 - share) / len(old)) for fleet in old]
        publish_state(endpoint, "SageMaker Endpoint Deployment State Change")
        pending.stage = "Baking"
        _bake(endpoint, pending.policy, wait)
    _rest_until(endpoint, time.monotonic() + settings.sandbox_time(termination_wait))


def _waits(policy: Record) -> tuple[float, float]:
    if rolling := policy.get("RollingUpdatePolicy"):
        return float(rolling["WaitIntervalInSeconds"]), 0.0
    blue_green = policy.get("BlueGreenUpdatePolicy", {})
    wait = blue_green.get("TrafficRoutingConfiguration", {}).get("WaitIntervalInSeconds", 0)
    return float(wait), float(blue_green.get("TerminationWaitInSeconds", 0))


def _shares(pending: Pending) -> Iterator[float]:
    """The new fleet's share of the requests, step by step up to all of them."""
    routing = pending.policy.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    step = 1.0
    if rolling := pending.policy.get("RollingUpdatePolicy"):
        step = _part(rolling["MaximumBatchSize"], pending)
    elif routing.get("Type") == "LINEAR":
        step = _part(routing.get("LinearStepSize", {"Type": "CAPACITY_PERCENT", "Value": 50}), pending)
    elif routing.get("Type") == "CANARY":
        yield _part(routing.get("CanarySize", {"Type": "CAPACITY_PERCENT", "Value": 50}), pending)
    steps = math.ceil(1.0 / step - 1e-9)
    yield from (min(1.0, step * number) for number in range(1, steps + 1))


def _part(size: Record, pending: Pending) -> float:
    if size["Type"] == "CAPACITY_PERCENT":
        return float(size["Value"]) / 100
    instances = sum(variant.instances or 1 for variant in pending.variants)
    return min(1.0, float(size["Value"]) / instances)


def _bake(endpoint: Endpoint, policy: Record, wait: float) -> None:
    deadline = time.monotonic() + settings.sandbox_time(wait)
    while True:
        _require_existing(endpoint)
        alarms.require_quiet(policy)
        if time.monotonic() >= deadline:
            return
        time.sleep(POLL_SECONDS)


def _switch(endpoint: Endpoint, pending: Pending, fleet: Fleet) -> None:
    with state.LOCK:
        if not endpoint.exists:
            fleet.stop()
            raise Forgotten
        endpoint.config = pending.config
        endpoint.variants, endpoint.shadows = pending.variants, pending.shadows
        endpoint.traffic = [(fleet, 1.0)]
        endpoint.last_policy = pending.policy or endpoint.last_policy
        endpoint.deployed = now()
        endpoint.pending = None


def _settle(endpoint: Endpoint, fault: Fault | None) -> None:
    if fault and fault.kind is Kind.SYSTEM_UPDATING:
        endpoint.turn(Status.SYSTEM_UPDATING)
        _rest_until(endpoint, time.monotonic() + fault.seconds)
    endpoint.turn(Status.IN_SERVICE)


def _rescale(endpoint: Endpoint, variants: list[Variant], fault: Fault | None) -> None:
    _rest_until(endpoint, time.monotonic() + settings.endpoint_seconds())
    if fault and fault.kind is not Kind.SYSTEM_UPDATING:
        reason = fault.reason or NO_CAPACITY
        if fault.kind is not Kind.FAIL:
            endpoint.turn(Status.ROLLING_BACK, reason=reason)
            _rest_until(endpoint, time.monotonic() + settings.endpoint_seconds())
        _roll_back(endpoint, reason, fault)
        return
    with state.LOCK:
        endpoint.variants = variants
    _settle(endpoint, fault)


def _delete(endpoint: Endpoint) -> None:
    fleets = endpoint.fleets()
    _rest_until(endpoint, time.monotonic() + settings.endpoint_seconds() / 4)
    with state.LOCK:
        if endpoint.exists:
            del state.endpoints[endpoint.name.lower()]
            tags.drop(endpoint.arn)
        endpoint.traffic = []
    for fleet in fleets:
        fleet.stop()


def _maintain(endpoint: Endpoint, seconds: float) -> None:
    _rest_until(endpoint, time.monotonic() + seconds)
    endpoint.turn(Status.IN_SERVICE)


def _rest_until(endpoint: Endpoint, moment: float, fleet: Fleet | None = None) -> None:
    while True:
        try:
            _require_existing(endpoint)
        except Forgotten:
            if fleet is not None:
                fleet.stop()
            raise
        left = moment - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.1))


def _require_existing(endpoint: Endpoint) -> None:
    if not endpoint.exists:
        raise Forgotten
