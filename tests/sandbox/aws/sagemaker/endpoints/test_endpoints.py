"""An endpoint's life, from creation to deletion."""

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.sagemaker.builders import BROKEN, SLOW, SageMakerBuilder, refused, unique


def test_an_endpoint_in_service_really_answers(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint(builder.config(builder.model(factor=3)))
    assert builder.invoke(endpoint, 7)["answer"] == 21


def test_an_endpoint_is_creating_until_its_container_is_healthy(builder: SageMakerBuilder) -> None:
    name, config = unique("endpoint"), builder.config(builder.model(script=SLOW))
    builder.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    creating = builder.sagemaker.describe_endpoint(EndpointName=name)
    assert creating["EndpointStatus"] == "Creating"
    assert creating["PendingDeploymentSummary"]["EndpointConfigName"] == config
    assert "ProductionVariants" not in creating
    in_service = builder.rest(name)
    assert in_service["EndpointStatus"] == "InService"
    assert "PendingDeploymentSummary" not in in_service
    (variant,) = in_service["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"], variant["CurrentWeight"]) == (1, 1, 1.0)
    assert variant["DeployedImages"][0]["ResolvedImage"]
    assert in_service["LastModifiedTime"] > in_service["CreationTime"]


def test_an_endpoint_being_created_takes_no_requests(builder: SageMakerBuilder) -> None:
    name = unique("endpoint")
    builder.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=builder.config(builder.model(script=SLOW)))
    with refused("ValidationError", f"Endpoint {name} of account 222222222222 not found."):
        builder.invoke(name)
    builder.rest(name)


def test_an_update_serves_the_new_configuration(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint(builder.config(builder.model(factor=2)))
    config = builder.config(builder.model(factor=10))
    builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    updating = builder.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert updating["EndpointStatus"] == "Updating"
    assert updating["EndpointConfigName"] != config
    assert builder.invoke(endpoint, 1)["answer"] == 2, "the old fleet serves meanwhile"
    description = builder.rest(endpoint)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", config)
    assert builder.invoke(endpoint, 1)["answer"] == 10


def test_no_request_fails_while_the_fleet_is_replaced(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    config = builder.config(builder.model(factor=10))
    builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    answers = set()
    while builder.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating":
        answers.add(builder.invoke(endpoint, 1)["answer"])
    answers.add(builder.invoke(endpoint, 1)["answer"])
    assert answers == {2, 10}


def test_a_fleet_that_does_not_get_healthy_leaves_the_old_configuration_in_service(builder: SageMakerBuilder) -> None:
    old = builder.config()
    endpoint = builder.endpoint(old)
    description = builder.update(endpoint, builder.config(builder.model(script=BROKEN)))
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in description["FailureReason"]
    assert "PendingDeploymentSummary" not in description
    assert builder.invoke(endpoint, 4)["answer"] == 8


def test_a_first_fleet_that_does_not_get_healthy_fails_the_endpoint(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint(builder.config(builder.model(script=BROKEN)), status="Failed")
    assert builder.rest(endpoint)["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )


def test_a_failed_endpoint_keeps_its_name_and_may_only_be_deleted(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint(builder.config(builder.model(script=BROKEN)), status="Failed")
    good = builder.config()
    with refused("ValidationException", "Cannot update endpoint"):
        builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    with refused("ValidationException", "Cannot create already existing endpoint"):
        builder.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    builder.sagemaker.delete_endpoint(EndpointName=endpoint)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        builder.describe_until(endpoint, lambda _: False)
    builder.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    assert builder.rest(endpoint)["EndpointStatus"] == "InService"


def test_an_endpoint_in_progress_can_be_neither_updated_nor_deleted(builder: SageMakerBuilder) -> None:
    name, config = unique("endpoint"), builder.config()
    client = builder.sagemaker
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    with refused("ValidationException", "Cannot update in-progress endpoint"):
        client.delete_endpoint(EndpointName=name)
    with refused("ValidationException", "Cannot update in-progress endpoint"):
        client.update_endpoint(EndpointName=name, EndpointConfigName=config)
    builder.rest(name)


def test_an_update_to_the_same_configuration_is_refused(builder: SageMakerBuilder) -> None:
    config = builder.config()
    endpoint = builder.endpoint(config)
    with refused("ValidationException", "Cannot update endpoint"):
        builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)


def test_endpoint_names_that_differ_only_in_case_collide(builder: SageMakerBuilder) -> None:
    name, config = unique("Endpoint"), builder.config()
    arn = builder.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    assert arn.endswith(f"endpoint/{name.lower()}")
    with refused("ValidationException", "Cannot create already existing endpoint"):
        builder.sagemaker.create_endpoint(EndpointName=name.lower(), EndpointConfigName=config)
    builder.rest(name)
    with refused("ValidationError", "not found"):
        builder.invoke(name.lower())


def test_a_missing_resource_is_reported_as_missing(builder: SageMakerBuilder) -> None:
    client, config = builder.sagemaker, builder.config()
    with refused("ValidationException", "Could not find endpoint configuration"):
        client.create_endpoint(EndpointName="any", EndpointConfigName="missing")
    for call in (client.describe_endpoint, client.delete_endpoint):
        with refused("ValidationException", 'Could not find endpoint "arn:'):
            call(EndpointName="missing")
    with refused("ValidationException", 'Could not find endpoint "arn:'):
        client.update_endpoint(EndpointName="missing", EndpointConfigName=config)


def test_a_configuration_whose_model_is_gone_makes_no_endpoint(builder: SageMakerBuilder) -> None:
    model = builder.model()
    config = builder.config(model)
    builder.sagemaker.delete_model(ModelName=model)
    with refused("ValidationException", "Could not find model"):
        builder.sagemaker.create_endpoint(EndpointName=unique("endpoint"), EndpointConfigName=config)


def test_a_deleted_configuration_goes_on_being_served(builder: SageMakerBuilder) -> None:
    config = builder.config()
    endpoint = builder.endpoint(config)
    builder.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    assert builder.rest(endpoint)["EndpointConfigName"] == config
    assert builder.invoke(endpoint, 2)["answer"] == 4


def test_endpoints_are_listed_by_status(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint()
    listed = builder.sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    assert [item["EndpointName"] for item in listed] == [endpoint]
    assert not builder.sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="Failed")["Endpoints"]
