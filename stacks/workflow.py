"""The story of a promotion, from top to bottom. Tasks are imperatives, questions are choices, endings participles."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.document import Outcome, Progress
from lambdas.promotion.names import Step
from stacks.step import StepFunction, task

_POLL = Duration.seconds(30)
_EXECUTION = {"arn": "{% $states.context.Execution.Id %}", "started_at": "{% $states.context.Execution.StartTime %}"}
_AS_CAUGHT = "{% {'error': $states.input.failed.Error, 'cause': $string($states.input.failed)} %}"


def story(scope: Construct, steps: Mapping[Step, StepFunction]) -> sfn.IChainable:
    """Return the definition's beginning. Every error of every state leads to `failed`."""
    failed = sfn.Fail.jsonata(
        scope, "Promotion failed", error="{% $states.input.error %}", cause="{% $states.input.cause %}"
    )
    explain = task(
        scope,
        "Explain the failure",
        steps[Step.EXPLAIN_FAILURE],
        payload={"failed": "{% $states.input.failed %}", "execution": _EXECUTION},
        caught_by=failed,
        catch_output=_AS_CAUGHT,
    ).next(failed)

    def do(title: str, step: Step) -> sfn.TaskStateBase:
        return task(scope, title, steps[step], caught_by=explain)

    resolve = task(
        scope,
        "Resolve the model",
        steps[Step.RESOLVE_MODEL],
        payload={"input": "{% $states.input %}", "execution": _EXECUTION},
        caught_by=explain,
    )
    copy = sfn.Map.jsonata(
        scope,
        "Copy the artifacts",
        items=sfn.ProvideItems.jsonata("{% $states.input.artifacts %}"),
        item_selector={"promotion": "{% $states.input %}", "index": "{% $states.context.Map.Item.Index %}"},
        outputs="{% $merge([$states.input, {'artifacts': $states.result}]) %}",
        max_concurrency=10,
    )
    copy.item_processor(
        task(
            scope,
            "Copy an artifact",
            steps[Step.COPY_ARTIFACT],
            payload={"promotion": "{% $states.input.promotion %}", "index": "{% $states.input.index %}"},
        )
    )
    copy.add_catch(explain, errors=["States.ALL"], outputs="{% {'failed': $states.errorOutput} %}")

    compare = do("Compare the endpoint", Step.COMPARE_ENDPOINT)
    verify = do("Verify the artifacts", Step.VERIFY_ARTIFACTS)
    create_model = do("Create the model", Step.CREATE_MODEL)
    create_config = do("Create the endpoint configuration", Step.CREATE_ENDPOINT_CONFIG)
    deploy = do("Deploy the endpoint", Step.DEPLOY_ENDPOINT)
    inspect = do("Inspect the endpoint", Step.INSPECT_ENDPOINT)
    wait = sfn.Wait.jsonata(scope, "Wait for the endpoint", time=sfn.WaitTime.duration(_POLL))
    wait_for_others = sfn.Wait.jsonata(scope, "Wait for the other change", time=sfn.WaitTime.duration(_POLL))
    promoted = sfn.Succeed.jsonata(scope, Outcome.PROMOTED, outputs="{% $states.input.result %}")
    unchanged = sfn.Succeed.jsonata(scope, Outcome.UNCHANGED, outputs="{% $states.input.result %}")

    anything_to_do = sfn.Choice.jsonata(scope, "Is there anything to do?")
    somebody_else = sfn.Choice.jsonata(scope, "Is somebody else changing it?")
    in_service = sfn.Choice.jsonata(scope, "Is it in service on our configuration?")

    deploy_and_watch = deploy.next(
        somebody_else.when(_progress_is(Progress.BUSY), wait_for_others.next(deploy)).otherwise(
            wait.next(inspect).next(
                in_service.when(_ended(Outcome.PROMOTED), promoted)
                .when(_ended(Outcome.UNCHANGED), unchanged)
                .otherwise(wait)
            )
        )
    )
    return resolve.next(compare).next(
        anything_to_do.when(_ended(Outcome.UNCHANGED), unchanged).otherwise(
            copy.next(verify).next(create_model).next(create_config).next(deploy_and_watch)
        )
    )


def _progress_is(progress: Progress) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% $states.input.change.progress = '{progress}' %}}")


def _ended(outcome: Outcome) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% $states.input.result.outcome = '{outcome}' %}}")
