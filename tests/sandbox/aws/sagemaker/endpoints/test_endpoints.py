"""An endpoint's life, from creation to deletion."""

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.sagemaker.builders import BROKEN, Workshop, refused, unique


def test_an_endpoint_in_service_really_answers(workshop: Workshop) -> None:
    endpoint = workshop.endpoint(workshop.config(workshop.model(factor=3)))
    assert workshop.ask(endpoint, 7)["answer"] == 21


def test_an_endpoint_is_creating_until_its_container_is_healthy(workshop: Workshop) -> None:
    name, config = unique("endpoint"), workshop.config()
    workshop.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    creating = workshop.sagemaker.describe_endpoint(EndpointName=name)
    assert creating["EndpointStatus"] == "Creating"
    assert creating["PendingDeploymentSummary"]["EndpointConfigName"] == config
    assert "ProductionVariants" not in creating
    in_service = workshop.rest(name)
    assert in_service["EndpointStatus"] == "InService"
    assert "PendingDeploymentSummary" not in in_service
    (variant,) = in_service["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"], variant["CurrentWeight"]) == (1, 1, 1.0)
    assert variant["DeployedImages"][0]["ResolvedImage"]
    assert in_service["LastModifiedTime"] > in_service["CreationTime"]


def test_an_endpoint_being_created_takes_no_requests(workshop: Workshop) -> None:
    name = unique("endpoint")
    workshop.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=workshop.config())
    with refused("ValidationError", f"Endpoint {name} of account 222222222222 not found."):
        workshop.ask(name)
    workshop.rest(name)


def test_an_update_serves_the_new_configuration(workshop: Workshop) -> None:
    endpoint = workshop.endpoint(workshop.config(workshop.model(factor=2)))
    config = workshop.config(workshop.model(factor=10))
    workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    updating = workshop.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert updating["EndpointStatus"] == "Updating"
    assert updating["EndpointConfigName"] != config
    assert workshop.ask(endpoint, 1)["answer"] == 2, "the old fleet serves meanwhile"
    found = workshop.rest(endpoint)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config)
    assert workshop.ask(endpoint, 1)["answer"] == 10


def test_no_request_fails_while_the_fleet_is_replaced(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    config = workshop.config(workshop.model(factor=10))
    workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    answers = set()
    while workshop.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating":
        answers.add(workshop.ask(endpoint, 1)["answer"])
    answers.add(workshop.ask(endpoint, 1)["answer"])
    assert answers == {2, 10}


def test_a_fleet_that_does_not_get_healthy_leaves_the_old_configuration_in_service(workshop: Workshop) -> None:
    old = workshop.config()
    endpoint = workshop.endpoint(old)
    found = workshop.update(endpoint, workshop.config(workshop.model(script=BROKEN)))
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in found["FailureReason"]
    assert "PendingDeploymentSummary" not in found
    assert workshop.ask(endpoint, 4)["answer"] == 8


def test_a_first_fleet_that_does_not_get_healthy_fails_the_endpoint(workshop: Workshop) -> None:
    endpoint = workshop.endpoint(workshop.config(workshop.model(script=BROKEN)), status="Failed")
    assert workshop.rest(endpoint)["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )


def test_a_failed_endpoint_keeps_its_name_and_may_only_be_deleted(workshop: Workshop) -> None:
    endpoint = workshop.endpoint(workshop.config(workshop.model(script=BROKEN)), status="Failed")
    good = workshop.config()
    with refused("ValidationException", "Cannot update endpoint"):
        workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    with refused("ValidationException", "Cannot create already existing endpoint"):
        workshop.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    workshop.sagemaker.delete_endpoint(EndpointName=endpoint)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        workshop.describe_until(endpoint, lambda _: False)
    workshop.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    assert workshop.rest(endpoint)["EndpointStatus"] == "InService"


def test_an_endpoint_in_progress_can_be_neither_updated_nor_deleted(workshop: Workshop) -> None:
    name, config = unique("endpoint"), workshop.config()
    client = workshop.sagemaker
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    with refused("ValidationException", "Cannot update in-progress endpoint"):
        client.delete_endpoint(EndpointName=name)
    with refused("ValidationException", "Cannot update in-progress endpoint"):
        client.update_endpoint(EndpointName=name, EndpointConfigName=config)
    workshop.rest(name)


def test_an_update_to_the_same_configuration_is_refused(workshop: Workshop) -> None:
    config = workshop.config()
    endpoint = workshop.endpoint(config)
    with refused("ValidationException", "Cannot update endpoint"):
        workshop.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)


def test_endpoint_names_that_differ_only_in_case_collide(workshop: Workshop) -> None:
    name, config = unique("Endpoint"), workshop.config()
    arn = workshop.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    assert arn.endswith(f"endpoint/{name.lower()}")
    with refused("ValidationException", "Cannot create already existing endpoint"):
        workshop.sagemaker.create_endpoint(EndpointName=name.lower(), EndpointConfigName=config)
    workshop.rest(name)
    with refused("ValidationError", "not found"):
        workshop.ask(name.lower())


def test_what_does_not_exist_is_said_so(workshop: Workshop) -> None:
    client, config = workshop.sagemaker, workshop.config()
    with refused("ValidationException", "Could not find endpoint configuration"):
        client.create_endpoint(EndpointName="any", EndpointConfigName="missing")
    for call in (client.describe_endpoint, client.delete_endpoint):
        with refused("ValidationException", 'Could not find endpoint "arn:'):
            call(EndpointName="missing")
    with refused("ValidationException", 'Could not find endpoint "arn:'):
        client.update_endpoint(EndpointName="missing", EndpointConfigName=config)


def test_a_configuration_whose_model_is_gone_makes_no_endpoint(workshop: Workshop) -> None:
    model = workshop.model()
    config = workshop.config(model)
    workshop.sagemaker.delete_model(ModelName=model)
    with refused("ValidationException", "Could not find model"):
        workshop.sagemaker.create_endpoint(EndpointName=unique("endpoint"), EndpointConfigName=config)


def test_a_deleted_configuration_goes_on_being_served(workshop: Workshop) -> None:
    config = workshop.config()
    endpoint = workshop.endpoint(config)
    workshop.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    assert workshop.rest(endpoint)["EndpointConfigName"] == config
    assert workshop.ask(endpoint, 2)["answer"] == 4


def test_endpoints_are_listed_by_status(workshop: Workshop) -> None:
    endpoint = workshop.endpoint()
    listed = workshop.sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    assert [item["EndpointName"] for item in listed] == [endpoint]
    assert not workshop.sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="Failed")["Endpoints"]
