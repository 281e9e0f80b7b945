"""Promote: the synthesised definition, run by the interpreter; its tasks run real handlers and call the services."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from benchmarks.promotion.interpreter.errors import StateFailed, Unsupported
from benchmarks.promotion.interpreter.execution import Execution, Outcome
from benchmarks.promotion.interpreter.platform import Counts, Platform
from benchmarks.promotion.lambdas import Lambda
from benchmarks.promotion.services.events import Subscription, endpoint_event
from benchmarks.promotion.services.wire import Call, ServiceError
from benchmarks.promotion.timeline import Part, Timeline
from benchmarks.promotion.world import APPLICATION, HUB, PACKAGE, REGION, STAGE, World

REQUEST = {"application": APPLICATION, "stage": STAGE, "model_package_arn": PACKAGE}
_ARN = f"arn:aws:states:{REGION}:{HUB}:execution:promote:promotion-7"
# As Step Functions names the services in the errors of its own integrations.
_NAMES = {"dynamodb": "DynamoDB", "sns": "SNS", "sagemaker": "SageMaker"}


@dataclass(frozen=True)
class Promotion:
    """A promotion that has ended."""

    outcome: Outcome
    counts: Counts
    began_at: float
    ended_at: float


def promote(definition: dict[str, Any], world: World, functions: Lambda, timeline: Timeline) -> Promotion:
    """Run a promotion from StartExecution to the end of the execution."""
    tasks = Tasks(world, functions, timeline)
    world.sagemaker.on_change = lambda account, name: _announce(world, functions, account, name)
    platform = Platform(world.clock, world.times, tasks, timeline, world.tokens)
    began_at = world.clock.now
    world.clock.sleep(world.times.call)
    timeline.add(Part.CALLS, began_at, world.clock.now)
    execution = Execution(definition, platform, arn=_ARN)
    outcome = execution.run(REQUEST)
    return Promotion(outcome, execution.counts, began_at, world.clock.now)


def _announce(world: World, functions: Lambda, account: str, name: str) -> None:
    """Let the functions that hear of an endpoint be invoked: when its change begins and when it is in service."""

    def deliver(subscription: Subscription, seconds: float) -> None:
        world.clock.sleep(seconds)
        now = world.clock.now
        described = world.sagemaker.described(account, name)
        event = endpoint_event(described, account=account, region=REGION, now=now)
        if subscription.hears(event):
            world.clock.sleep(world.times.event * subscription.buses)
            functions.invoke(subscription.function, event)

    for subscription in functions.subscriptions:
        for seconds in (0.0, world.endpoint_seconds):
            threading.Thread(target=deliver, args=(subscription, seconds)).start()


@dataclass
class Tasks:
    """The service integrations of Step Functions that a definition uses."""

    world: World
    functions: Lambda
    timeline: Timeline

    def call(self, resource: str, arguments: Any, timeout: float | None) -> Any:
        if resource == "lambda:invoke":
            name = arguments["FunctionName"].rpartition(":")[2]
            return {"Payload": self.functions.invoke(name, arguments["Payload"]), "StatusCode": 200}
        service, _, action = resource.removeprefix("aws-sdk:").partition(":")
        if not action or service in {"s3", "lambda", "states"}:
            raise Unsupported(f"The interpreter has no {resource}.")
        call = Call(service, action[0].upper() + action[1:], arguments, HUB)
        begin = self.world.clock.now
        try:
            return self.world.answer(call)
        except ServiceError as error:
            name = error.code if error.code.endswith("Exception") else f"{error.code}Exception"
            raise StateFailed(f"{_NAMES.get(service, service.title())}.{name}", error.message) from error
        finally:
            self.timeline.add(Part.CALLS, begin, self.world.clock.now)

    def read_items(self, resource: str, arguments: Any) -> list[Any]:
        if resource != "s3:getObject":
            raise Unsupported(f"The interpreter reads no items with {resource}.")
        items: list[Any] = json.loads(self.world.s3.read(arguments["Bucket"], arguments["Key"]))
        return items
