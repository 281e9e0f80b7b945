"""What AWS does on a bad day, on demand."""

import time

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.sandbox.aws.sagemaker.builders import Workshop, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, Server


def test_a_silent_rollback_ends_in_service_on_the_old_configuration(workshop: Workshop, server: Server) -> None:
    old = workshop.config()
    endpoint = workshop.endpoint(old)
    server.faults.inject("UpdateEndpoint", "silent_rollback", resource=endpoint)
    wanted = workshop.config()
    found = workshop.update(endpoint, wanted)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in found["FailureReason"]
    again = workshop.update(endpoint, wanted)
    assert again["EndpointConfigName"] == wanted, "a fault happens once"
    assert "FailureReason" not in again


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_an_endpoint_can_fail_for_a_given_reason(workshop: Workshop, server: Server, operation: str) -> None:
    endpoint, config = workshop.endpoint() if operation == "UpdateEndpoint" else unique("endpoint"), workshop.config()
    server.faults.inject(operation, "fail", reason="a bad day")
    call = workshop.sagemaker.update_endpoint if operation == "UpdateEndpoint" else workshop.sagemaker.create_endpoint
    call(EndpointName=endpoint, EndpointConfigName=config)
    found = workshop.rest(endpoint)
    assert (found["EndpointStatus"], found["FailureReason"]) == ("Failed", "a bad day")
    with refused("ValidationError", "not found"):
        workshop.ask(endpoint)


def test_no_capacity_fails_a_creation_and_rolls_an_update_back(workshop: Workshop, server: Server) -> None:
    server.faults.inject("*Endpoint", "no_capacity", times=2)
    created = workshop.endpoint(status="Failed")
    assert "InsufficientInstanceCapacity" in workshop.rest(created)["FailureReason"]
    server.faults.clear()
    old = workshop.config()
    endpoint = workshop.endpoint(old)
    server.faults.inject("UpdateEndpoint", "no_capacity")
    found = workshop.update(endpoint, workshop.config())
    assert found["EndpointConfigName"] == old
    assert "InsufficientInstanceCapacity" in found["FailureReason"]


def test_a_failed_rollback_can_be_updated_again(workshop: Workshop, server: Server) -> None:
    endpoint = workshop.endpoint()
    server.faults.inject("UpdateEndpoint", "rollback_failed")
    assert workshop.update(endpoint, workshop.config())["EndpointStatus"] == "UpdateRollbackFailed"
    assert workshop.ask(endpoint, 1)["answer"] == 2
    assert workshop.update(endpoint, workshop.config())["EndpointStatus"] == "InService"


@pytest.mark.parametrize("operation", ["UpdateEndpoint", "DescribeEndpoint"])
def test_an_endpoint_can_sit_in_system_updating(workshop: Workshop, server: Server, operation: str) -> None:
    endpoint, config = workshop.endpoint(), workshop.config()
    server.faults.inject(operation, "system_updating", seconds=0.5)
    if operation == "UpdateEndpoint":
        workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    workshop.describe_until(endpoint, lambda found: found["EndpointStatus"] == "SystemUpdating")
    with refused("ValidationException", "Cannot update in-progress endpoint"):
        workshop.sagemaker.delete_endpoint(EndpointName=endpoint)
    assert workshop.ask(endpoint, 1)["answer"] == 2
    assert workshop.rest(endpoint)["EndpointStatus"] == "InService"


def test_a_throttled_call_has_no_effect(workshop: Workshop, server: Server) -> None:
    server.faults.inject("CreateModelPackageGroup", "throttle", times=2)
    group = unique("group")
    for _ in range(2):
        with refused("ThrottlingException", "Rate exceeded"):
            workshop.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_an_error_comes_instead_of_the_effect(workshop: Workshop, server: Server) -> None:
    server.faults.inject("CreateModelPackageGroup", "error", code="ServiceUnavailable", message="later", status=503)
    group = unique("group")
    with refused("ServiceUnavailable", "later"):
        workshop.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_an_error_comes_after_the_effect(workshop: Workshop, server: Server) -> None:
    server.faults.inject("CreateModelPackageGroup", "error_after")
    group = unique("group")
    with refused("InternalFailure", ""):
        workshop.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    with refused("ValidationException", "already exists"):
        workshop.sagemaker.create_model_package_group(ModelPackageGroupName=group)


@pytest.mark.parametrize(("kind", "created"), [("hang", False), ("hang_after", True)])
def test_a_call_can_hang_before_or_after_its_effect(
    workshop: Workshop, server: Server, kind: str, created: bool
) -> None:
    server.faults.inject("CreateModelPackageGroup", kind, seconds=1.5)
    group = unique("group")
    impatient = server.client("sagemaker", read_timeout=0.5)
    with pytest.raises(ReadTimeoutError):
        impatient.create_model_package_group(ModelPackageGroupName=group)
    listed = workshop.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert bool(listed) is created


def test_a_hanging_call_holds_nobody_else_up(workshop: Workshop, server: Server) -> None:
    server.faults.inject("ListModels", "hang", seconds=1.0)
    with pytest.raises(ReadTimeoutError):
        server.client("sagemaker", read_timeout=0.1).list_models()
    started = time.monotonic()
    workshop.sagemaker.list_models()
    assert time.monotonic() - started < 0.5


def test_a_stale_read_does_not_see_what_was_just_created(workshop: Workshop, server: Server) -> None:
    server.faults.inject("DescribeModel", "stale", times=2)
    model = workshop.model()
    for _ in range(2):
        with refused("ValidationException", "Could not find model"):
            workshop.sagemaker.describe_model(ModelName=model)
    assert workshop.sagemaker.describe_model(ModelName=model)


def test_a_stale_read_shows_an_endpoint_as_it_was_last_seen(workshop: Workshop, server: Server) -> None:
    endpoint, config = workshop.endpoint(), workshop.config()
    before = workshop.sagemaker.describe_endpoint(EndpointName=endpoint)
    workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    server.faults.inject("DescribeEndpoint", "stale")
    stale = workshop.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert (stale["EndpointStatus"], stale["LastModifiedTime"]) == ("InService", before["LastModifiedTime"])
    assert workshop.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"
    workshop.rest(endpoint)


def test_a_configuration_just_created_can_be_invisible(workshop: Workshop, server: Server) -> None:
    name, config = unique("endpoint"), workshop.config()
    server.faults.inject("CreateEndpoint", "stale")
    with refused("ValidationException", "Could not find endpoint configuration"):
        workshop.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    workshop.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    workshop.rest(name)


def test_an_invocation_can_be_refused_too(workshop: Workshop, server: Server) -> None:
    endpoint = workshop.endpoint()
    server.faults.inject("InvokeEndpoint", "error", code="ServiceUnavailable", status=503)
    with refused("ServiceUnavailable", ""):
        workshop.ask(endpoint)
    assert workshop.ask(endpoint)


def test_a_fault_strikes_only_what_it_is_meant_for(workshop: Workshop, server: Server) -> None:
    server.faults.inject("ListModels", "throttle", account=OTHER_ACCOUNT)
    server.faults.inject("DescribeModel", "throttle", account=ACCOUNT, resource="text-*")
    workshop.sagemaker.list_models()
    with refused("ValidationException", "Could not find model"):
        workshop.sagemaker.describe_model(ModelName="image-1")
    with refused("ThrottlingException", "Rate exceeded"):
        workshop.sagemaker.describe_model(ModelName="text-1")
    (left,) = server.faults.pending()
    assert left.account == OTHER_ACCOUNT


def test_cleared_faults_do_not_strike(workshop: Workshop, server: Server) -> None:
    server.faults.inject("ListModels", "throttle", times=None)
    server.faults.clear()
    workshop.sagemaker.list_models()
