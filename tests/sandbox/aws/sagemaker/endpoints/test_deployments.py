"""How an update goes: guarded by alarms, step by step, keeping what autoscaling has set."""

import time
from typing import Any

from tests.sandbox.aws.sagemaker.builders import Workshop, refused, unique
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


def test_a_canary_takes_its_share_until_its_wait_is_over(workshop: Workshop) -> None:
    endpoint = workshop.endpoint(workshop.config(workshop.model(factor=1), InitialInstanceCount=2))
    config = workshop.config(workshop.model(factor=2), InitialInstanceCount=2)
    policy = blue_green("CANARY", wait=40, CanarySize=HALF)
    workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, DeploymentConfig=policy)
    workshop.describe_until(endpoint, lambda found: _stage(found) == "Baking")
    assert {workshop.ask(endpoint, 1)["answer"] for _ in range(30)} == {1, 2}
    found = workshop.rest(endpoint)
    assert found["EndpointConfigName"] == config
    assert found["LastDeploymentConfig"] == policy
    assert {workshop.ask(endpoint, 1)["answer"] for _ in range(10)} == {2}


def test_an_alarm_during_the_wait_rolls_back(workshop: Workshop, server: Server) -> None:
    old, watched = workshop.config(), alarm(server)
    endpoint = workshop.endpoint(old)
    policy = blue_green("ALL_AT_ONCE", wait=300) | guarded_by(watched)
    workshop.sagemaker.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=workshop.config(workshop.model(factor=9)), DeploymentConfig=policy
    )
    workshop.describe_until(endpoint, lambda found: _stage(found) == "Baking")
    server.client("cloudwatch").set_alarm_state(AlarmName=watched, StateValue="ALARM", StateReason="test")
    found = workshop.rest(endpoint)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", old)
    assert watched in found["FailureReason"]
    assert {workshop.ask(endpoint, 1)["answer"] for _ in range(5)} == {2}


def test_an_alarm_that_is_already_raised_rolls_back(workshop: Workshop, server: Server) -> None:
    old = workshop.config()
    endpoint = workshop.endpoint(old)
    found = workshop.update(endpoint, workshop.config(), DeploymentConfig=guarded_by(alarm(server, "ALARM")))
    assert found["EndpointConfigName"] == old


def test_an_alarm_must_exist(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    with refused("ValidationException", "missing-alarm"):
        workshop.update(endpoint, workshop.config(), DeploymentConfig=guarded_by("missing-alarm"))


def test_linear_and_rolling_deployments_arrive(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    linear = blue_green("LINEAR", wait=5, LinearStepSize=HALF)
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 5}}
    for policy in (linear, rolling):
        config = workshop.config()
        assert workshop.update(endpoint, config, DeploymentConfig=policy)["EndpointConfigName"] == config


def test_waits_take_sandbox_time(workshop: Workshop) -> None:
    endpoint, config = workshop.endpoint(), workshop.config()
    started = time.monotonic()
    workshop.update(endpoint, config, DeploymentConfig=blue_green("ALL_AT_ONCE", wait=60))
    assert 0.6 <= time.monotonic() - started < 10


def test_a_canary_needs_a_size(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    with refused("ValidationException", "CanarySize is required"):
        workshop.update(endpoint, workshop.config(), DeploymentConfig=blue_green("CANARY"))


def test_a_guarded_deployment_keeps_the_variant_names(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    with refused("ValidationException", "names of the production variants"):
        workshop.update(endpoint, workshop.config(VariantName="Other"), DeploymentConfig=blue_green("ALL_AT_ONCE"))


def test_an_update_resets_what_was_scaled_unless_told_to_keep_it(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    _scale(workshop, endpoint, instances=4)
    kept = workshop.update(endpoint, workshop.config(), RetainAllVariantProperties=True)
    assert kept["ProductionVariants"][0]["DesiredInstanceCount"] == 4
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    reset = workshop.update(
        endpoint, workshop.config(), RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded
    )
    assert reset["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    _scale(workshop, endpoint, instances=3)
    assert workshop.update(endpoint, workshop.config())["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def _scale(workshop: Workshop, endpoint: str, *, instances: int) -> None:
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": instances}]
    workshop.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=wanted)
    assert workshop.rest(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == instances


def _stage(found: dict[str, Any]) -> str | None:
    pending = found.get("PendingDeploymentSummary")
    return pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] if pending else None
