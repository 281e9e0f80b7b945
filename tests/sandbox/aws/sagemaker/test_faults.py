"""Faults injected into SageMaker."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, Server


def test_a_silent_rollback_ends_in_service_on_the_old_configuration(builder: SageMakerBuilder, server: Server) -> None:
    old = builder.config()
    endpoint = builder.endpoint(old)
    server.faults.inject("UpdateEndpoint", "silent_rollback", resource=endpoint)
    wanted = builder.config()
    description = builder.update(endpoint, wanted)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in description["FailureReason"]
    again = builder.update(endpoint, wanted)
    assert again["EndpointConfigName"] == wanted, "a fault happens once"
    assert "FailureReason" not in again


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_an_endpoint_can_fail_for_a_given_reason(builder: SageMakerBuilder, server: Server, operation: str) -> None:
    endpoint, config = builder.endpoint() if operation == "UpdateEndpoint" else unique("endpoint"), builder.config()
    server.faults.inject(operation, "fail", reason="a bad day")
    call = builder.sagemaker.update_endpoint if operation == "UpdateEndpoint" else builder.sagemaker.create_endpoint
    call(EndpointName=endpoint, EndpointConfigName=config)
    description = builder.rest(endpoint)
    assert (description["EndpointStatus"], description["FailureReason"]) == ("Failed", "a bad day")
    with refused("ValidationError", "not found"):
        builder.invoke(endpoint)


def test_no_capacity_fails_a_creation_and_rolls_an_update_back(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("*Endpoint", "no_capacity", times=2)
    created = builder.endpoint(status="Failed")
    assert "InsufficientInstanceCapacity" in builder.rest(created)["FailureReason"]
    server.faults.clear()
    old = builder.config()
    endpoint = builder.endpoint(old)
    server.faults.inject("UpdateEndpoint", "no_capacity")
    description = builder.update(endpoint, builder.config())
    assert description["EndpointConfigName"] == old
    assert "InsufficientInstanceCapacity" in description["FailureReason"]


def test_a_failed_rollback_can_be_updated_again(builder: SageMakerBuilder, server: Server) -> None:
    endpoint = builder.endpoint()
    server.faults.inject("UpdateEndpoint", "rollback_failed")
    assert builder.update(endpoint, builder.config())["EndpointStatus"] == "UpdateRollbackFailed"
    assert builder.invoke(endpoint, 1)["answer"] == 2
    assert builder.update(endpoint, builder.config())["EndpointStatus"] == "InService"


@pytest.mark.parametrize("operation", ["UpdateEndpoint", "DescribeEndpoint"])
def test_an_endpoint_can_sit_in_system_updating(builder: SageMakerBuilder, server: Server, operation: str) -> None:
    endpoint, config = builder.endpoint(), builder.config()
    server.faults.inject(operation, "system_updating", seconds=0.5)
    if operation == "UpdateEndpoint":
        builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    builder.describe_until(endpoint, lambda description: description["EndpointStatus"] == "SystemUpdating")
    with refused("ValidationException", "Cannot update in-progress endpoint"):
        builder.sagemaker.delete_endpoint(EndpointName=endpoint)
    assert builder.invoke(endpoint, 1)["answer"] == 2
    assert builder.rest(endpoint)["EndpointStatus"] == "InService"


def test_a_throttled_call_has_no_effect(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("CreateModelPackageGroup", "throttle", times=2)
    group = unique("group")
    for _ in range(2):
        with refused("ThrottlingException", "Rate exceeded"):
            builder.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    builder.sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_an_error_comes_instead_of_the_effect(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("CreateModelPackageGroup", "error", code="ServiceUnavailable", message="later", status=503)
    group = unique("group")
    with refused("ServiceUnavailable", "later"):
        builder.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    builder.sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_an_error_comes_after_the_effect(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("CreateModelPackageGroup", "error_after")
    group = unique("group")
    with refused("InternalFailure", ""):
        builder.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    with refused("ValidationException", "already exists"):
        builder.sagemaker.create_model_package_group(ModelPackageGroupName=group)


@pytest.mark.parametrize(("kind", "created"), [("hang", False), ("hang_after", True)])
def test_a_call_can_hang_before_or_after_its_effect(
    builder: SageMakerBuilder, server: Server, kind: str, created: bool
) -> None:
    server.faults.inject("CreateModelPackageGroup", kind, seconds=1.5)
    group = unique("group")
    impatient = server.client("sagemaker", read_timeout=0.5)
    with pytest.raises(ReadTimeoutError):
        impatient.create_model_package_group(ModelPackageGroupName=group)
    listed = builder.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert bool(listed) is created


def test_a_hanging_call_does_not_delay_other_calls(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("ListModels", "hang", seconds=600)
    patient = server.client("sagemaker", read_timeout=700)
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(patient.list_models)
        while server.faults.pending():
            time.sleep(0.01)
        builder.sagemaker.list_models()
        assert not hanging.done()
        server.faults.clear()
        assert hanging.result()


@pytest.mark.parametrize("field", ["BrandNew", "PrimaryContainer.BrandNew"])
def test_a_response_can_have_a_field_that_botocore_does_not_know(
    builder: SageMakerBuilder, server: Server, field: str
) -> None:
    model = builder.model()
    sagemaker, bodies = server.client("sagemaker"), []
    sagemaker.meta.events.register(
        "before-parse.sagemaker.DescribeModel", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    server.faults.inject("DescribeModel", "unknown_field", field=field)
    with_field, without = (sagemaker.describe_model(ModelName=model) for _ in range(2))
    assert [b"BrandNew" in body for body in bodies] == [True, False]
    assert with_field["PrimaryContainer"] == without["PrimaryContainer"]


def test_a_stale_read_does_not_see_what_was_just_created(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("DescribeModel", "stale", times=2)
    model = builder.model()
    for _ in range(2):
        with refused("ValidationException", "Could not find model"):
            builder.sagemaker.describe_model(ModelName=model)
    assert builder.sagemaker.describe_model(ModelName=model)


def test_a_stale_read_shows_the_last_observed_state_of_an_endpoint(builder: SageMakerBuilder, server: Server) -> None:
    endpoint, config = builder.endpoint(), builder.config()
    before = builder.sagemaker.describe_endpoint(EndpointName=endpoint)
    builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    server.faults.inject("DescribeEndpoint", "stale")
    stale = builder.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert (stale["EndpointStatus"], stale["LastModifiedTime"]) == ("InService", before["LastModifiedTime"])
    assert builder.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"
    builder.rest(endpoint)


def test_a_configuration_just_created_can_be_invisible(builder: SageMakerBuilder, server: Server) -> None:
    name, config = unique("endpoint"), builder.config()
    server.faults.inject("CreateEndpoint", "stale")
    with refused("ValidationException", "Could not find endpoint configuration"):
        builder.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    builder.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    builder.rest(name)


def test_an_invocation_can_be_refused_too(builder: SageMakerBuilder, server: Server) -> None:
    endpoint = builder.endpoint()
    server.faults.inject("InvokeEndpoint", "error", code="ServiceUnavailable", status=503)
    with refused("ServiceUnavailable", ""):
        builder.invoke(endpoint)
    assert builder.invoke(endpoint)


def test_a_fault_strikes_only_what_it_is_meant_for(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("ListModels", "throttle", account=OTHER_ACCOUNT)
    server.faults.inject("DescribeModel", "throttle", account=ACCOUNT, resource="text-*")
    builder.sagemaker.list_models()
    with refused("ValidationException", "Could not find model"):
        builder.sagemaker.describe_model(ModelName="image-1")
    with refused("ThrottlingException", "Rate exceeded"):
        builder.sagemaker.describe_model(ModelName="text-1")
    (left,) = server.faults.pending()
    assert left.account == OTHER_ACCOUNT


def test_cleared_faults_do_not_strike(builder: SageMakerBuilder, server: Server) -> None:
    server.faults.inject("ListModels", "throttle", times=None)
    server.faults.clear()
    builder.sagemaker.list_models()
