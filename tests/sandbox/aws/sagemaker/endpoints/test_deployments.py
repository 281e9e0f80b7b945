"""How an update goes: guarded by alarms, step by step, keeping what autoscaling has set."""

import time
from typing import Any

from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import Server

HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}


def blue_green(kind: str, *, wait: int = 0, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait} | more
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}


def alarm(server: Server, state: str = "OK") -> str:
    name, client = unique("alarm"), server.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        MetricName="Invocation5XXErrors",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
    return name


def guarded_by(name: str) -> dict[str, Any]:
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]}}


def test_a_canary_takes_its_share_until_its_wait_is_over(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint(builder.config(builder.model(factor=1), InitialInstanceCount=2))
    config = builder.config(builder.model(factor=2), InitialInstanceCount=2)
    policy = blue_green("CANARY", wait=40, CanarySize=HALF)
    builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, DeploymentConfig=policy)
    builder.describe_until(endpoint, lambda description: _stage(description) == "Baking")
    assert {builder.invoke(endpoint, 1)["answer"] for _ in range(30)} == {1, 2}
    description = builder.rest(endpoint)
    assert description["EndpointConfigName"] == config
    assert description["LastDeploymentConfig"] == policy
    assert {builder.invoke(endpoint, 1)["answer"] for _ in range(10)} == {2}


def test_an_alarm_during_the_wait_rolls_back(builder: SageMakerBuilder, server: Server) -> None:
    old, watched = builder.config(), alarm(server)
    endpoint = builder.endpoint(old)
    policy = blue_green("ALL_AT_ONCE", wait=300) | guarded_by(watched)
    builder.sagemaker.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=builder.config(builder.model(factor=9)), DeploymentConfig=policy
    )
    builder.describe_until(endpoint, lambda description: _stage(description) == "Baking")
    server.client("cloudwatch").set_alarm_state(AlarmName=watched, StateValue="ALARM", StateReason="test")
    description = builder.rest(endpoint)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", old)
    assert watched in description["FailureReason"]
    assert {builder.invoke(endpoint, 1)["answer"] for _ in range(5)} == {2}


def test_an_alarm_that_is_already_raised_rolls_back(builder: SageMakerBuilder, server: Server) -> None:
    old = builder.config()
    endpoint = builder.endpoint(old)
    description = builder.update(endpoint, builder.config(), DeploymentConfig=guarded_by(alarm(server, "ALARM")))
    assert description["EndpointConfigName"] == old


def test_an_alarm_must_exist(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    with refused("ValidationException", "missing-alarm"):
        builder.update(endpoint, builder.config(), DeploymentConfig=guarded_by("missing-alarm"))


def test_linear_and_rolling_deployments_arrive(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    linear = blue_green("LINEAR", wait=5, LinearStepSize=HALF)
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 5}}
    for policy in (linear, rolling):
        config = builder.config()
        assert builder.update(endpoint, config, DeploymentConfig=policy)["EndpointConfigName"] == config


def test_waits_take_sandbox_time(builder: SageMakerBuilder) -> None:
    endpoint, config = builder.endpoint(), builder.config()
    started = time.monotonic()
    builder.update(endpoint, config, DeploymentConfig=blue_green("ALL_AT_ONCE", wait=60))
    # Nor does it take a minute: the builder waits for it for less.
    assert time.monotonic() - started >= 0.6


def test_a_canary_needs_a_size(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    with refused("ValidationException", "CanarySize is required"):
        builder.update(endpoint, builder.config(), DeploymentConfig=blue_green("CANARY"))


def test_a_guarded_deployment_keeps_the_variant_names(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    with refused("ValidationException", "names of the production variants"):
        builder.update(endpoint, builder.config(VariantName="Other"), DeploymentConfig=blue_green("ALL_AT_ONCE"))


def test_an_update_resets_scaled_counts_unless_it_retains_them(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    _scale(builder, endpoint, instances=4)
    kept = builder.update(endpoint, builder.config(), RetainAllVariantProperties=True)
    assert kept["ProductionVariants"][0]["DesiredInstanceCount"] == 4
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    reset = builder.update(
        endpoint, builder.config(), RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded
    )
    assert reset["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    _scale(builder, endpoint, instances=3)
    assert builder.update(endpoint, builder.config())["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def _scale(builder: SageMakerBuilder, endpoint: str, *, instances: int) -> None:
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": instances}]
    builder.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=wanted)
    assert builder.rest(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == instances


def _stage(description: dict[str, Any]) -> str | None:
    pending = description.get("PendingDeploymentSummary")
    return pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] if pending else None
