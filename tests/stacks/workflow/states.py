"""The state machine in a bare stack, without the rest of the app: in a second, and as often as a test needs it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.steps import Step
from stacks.workflow.definition import definition
from stacks.workflow.lambda_task import StepRun
from stacks.workflow.tables import Tables

ARN = "arn:aws:{service}:us-east-1:111111111111:{name}"


def synthesise() -> dict[str, Any]:
    """Return the states by name, with tokens where the resources stand."""
    stack = cdk.Stack(cdk.App(), "workflow", env=cdk.Environment(account="111111111111", region="us-east-1"))
    steps = {step: _step(stack, step) for step in Step}
    table = dynamodb.Table.from_table_name(stack, "Table", "endpoints")
    begin = definition(
        stack,
        steps,
        work_lists=s3.Bucket.from_bucket_name(stack, "WorkLists", "work-lists"),
        tables=cast(Tables, SimpleNamespace(endpoints=table, records=table)),
        outcomes=sns.Topic.from_topic_arn(stack, "Topic", ARN.format(service="sns", name="outcomes")),
        lease=Duration.days(1),
    )
    graph = sfn.StateGraph(begin.start_state, "promotion")
    return cast(dict[str, Any], stack.resolve(graph.to_graph_json())["States"])


def _step(stack: cdk.Stack, step: Step) -> StepRun:
    function = lambda_.Function.from_function_arn(
        stack, step.value, ARN.format(service="lambda", name=f"function:{step.value}")
    )
    return cast(StepRun, SimpleNamespace(step=step, published=function, timeout=Duration.seconds(60)))
