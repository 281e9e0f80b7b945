"""Each recorded configuration is the same as the request for it; each recorded update is followed to its end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, DesiredResource, Progress
from lambdas.promotion.contract.errors import CallRefused, DeploymentRolledBack, NameTaken
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import comparison, current_deployment, fleet
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.scaling import client as scaling_client
from recordings import store
from recordings.store import Recording
from tests.recorded import Stub, add_error, answer, stubbed, walked
from tests.unit.builders import STAGE, promotion

CREATED = datetime(2020, 1, 1, tzinfo=UTC)
ENDPOINT = {
    "EndpointName": "e",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/e",
    "CreationTime": CREATED,
    "LastModifiedTime": CREATED + timedelta(days=3650),
}
WEIGHT = "InitialVariantWeight"
# What SageMaker filled in, and the instances by type.
CONFIGS: dict[str, tuple[set[str], dict[str, int]]] = {
    "instance-variant": ({WEIGHT}, {"ml.t2.medium": 1}),
    "data-capture": ({WEIGHT}, {"ml.c5.large": 1}),
    "instance-variant-terraform-round-trip": ({WEIGHT}, {"ml.t2.medium": 2}),
    "shadow-variant": ({WEIGHT}, {"ml.t2.medium": 4}),
    "serverless-variant": ({WEIGHT}, {}),
    "serverless-provisioned-concurrency": (set(), {}),
    "instances-filled-in": ({WEIGHT, "VolumeSizeInGB", "EnableNetworkIsolation"}, {"ml.t2.medium": 1}),
    "serverless-filled-in": ({WEIGHT, "VolumeSizeInGB"}, {}),
    "not-filled-in": ({WEIGHT}, {"ml.t2.medium": 2}),
}


def described(recorded: Recording) -> dict[str, Any]:
    """The recorded configuration; what a recording of a part lacks is completed."""
    page = answer(recorded)
    for variant in page["ProductionVariants"]:
        variant.setdefault("VariantName", "All")
        variant.setdefault("ModelName", "reviews")
    arn = "arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/reviews"
    return {"EndpointConfigName": "reviews", "EndpointConfigArn": arn, "CreationTime": CREATED, **page}


def without(value: Any, names: Collection[str]) -> Any:
    """The same without some fields, at any depth."""
    if isinstance(value, dict):
        return {name: without(below, names) for name, below in value.items() if name not in names}
    return [without(item, names) for item in value] if isinstance(value, list) else value


@walked("sagemaker/DescribeEndpointConfig", CONFIGS)
def test_a_recorded_configuration_is_the_same_as_the_request_for_it(
    recorded: Recording, expected: tuple[set[str], dict[str, int]]
) -> None:
    filled, instances = expected
    page = described(recorded)
    with stubbed("sagemaker") as sagemaker:
        sagemaker.add_response("describe_endpoint_config", page)
        sagemaker.add_response("describe_endpoint_config", page)
        request, reason = current_deployment._config("reviews", sagemaker=sagemaker.client)
        variants = scaling_client.configured("reviews", sagemaker=sagemaker.client)
    assert request is not None and not reason
    sent = without(request, filled)
    assert (sent == request) is not bool(filled)
    comparison.require_same("endpoint configuration", "reviews", sent, page)
    other = copy.deepcopy(sent)
    other["ProductionVariants"][0]["ModelName"] = "another"
    with pytest.raises(NameTaken):
        comparison.require_same("endpoint configuration", "reviews", other, page)
    assert dict(fleet.of_config(request, {})) == instances
    assert list(variants) == [variant["VariantName"] for variant in page["ProductionVariants"]]


# Sequences


def sent_update(exchange: Mapping[str, Any], live: str, sagemaker: Stub) -> object:
    if "error" in exchange:
        add_error(sagemaker, "update_endpoint", exchange["error"])
    else:
        sagemaker.add_response("update_endpoint", dict(exchange["response"]))
    config = exchange["request"]["EndpointConfigName"]
    return endpoint_client.update(STAGE, config, live_config=live, sagemaker=sagemaker.client)


def polled(exchange: Mapping[str, Any], desired: str, sagemaker: Stub) -> object:
    """What the endpoint's answer means for an update from its previous configuration to the desired one."""
    page = {"EndpointConfigName": "previous", **ENDPOINT, **exchange["response"]}
    previous = "previous" if page["EndpointConfigName"] == desired else page["EndpointConfigName"]
    sagemaker.add_response("describe_endpoint", page)
    change = Change(
        progress=Progress.IN_PROGRESS, previous_config=previous, previous_modified_at=CREATED, requested=True
    )
    resource = DesiredResource(name=desired, request={"ProductionVariants": []})
    observed = endpoint_client.observe("e", sagemaker=sagemaker.client)
    return endpoint_state.after_change(
        replace(promotion(change=change), desired_config=resource), observed, now=CREATED
    )


def deleted(exchange: Mapping[str, Any], sagemaker: Stub) -> object:
    sagemaker.add_response("delete_endpoint_config", dict(exchange["response"]))
    config = exchange["request"]["EndpointConfigName"]
    endpoint_client.delete_config(config, sagemaker=sagemaker.client)
    return "deleted"


def followed(key: str) -> list[object]:
    """What Promote makes of each answer of a sequence: the progress of its change, or the type of its error."""
    outcomes: list[object] = []
    exchanges = store.recording(key).requests
    live = exchanges[0]["request"]["EndpointConfigName"]
    desired = next(
        exchange["request"]["EndpointConfigName"]
        for exchange in exchanges
        if exchange["request"]["operation"] == "UpdateEndpoint"
    )
    with stubbed("sagemaker") as sagemaker:
        calls: dict[str, Callable[[Mapping[str, Any]], object]] = {
            "UpdateEndpoint": lambda exchange: sent_update(exchange, live, sagemaker),
            "DescribeEndpoint": lambda exchange: polled(exchange, desired, sagemaker),
            "DeleteEndpointConfig": lambda exchange: deleted(exchange, sagemaker),
        }
        for exchange in exchanges:
            try:
                if call := calls.get(exchange["request"]["operation"]):
                    outcomes.append(call(exchange))
            except (CallRefused, DeploymentRolledBack) as error:
                outcomes.append(type(error))
    return outcomes


@pytest.mark.parametrize(
    ("key", "outcomes"),
    [
        # The old configuration is shown as long as the update lasts.
        ("sagemaker/UpdateEndpoint/updating-shows-old-config", [Progress.IN_PROGRESS, Progress.IN_PROGRESS]),
        (
            "sagemaker/UpdateEndpoint/failed-update-returns-to-old-config",
            [Progress.IN_PROGRESS, Progress.IN_PROGRESS, DeploymentRolledBack],
        ),
        ("sagemaker/UpdateEndpoint/retain-all-variant-properties", [Progress.IN_PROGRESS, Progress.IN_SERVICE]),
        # Nothing refuses the deletion, only the next update.
        ("sagemaker/DeleteEndpointConfig/config-in-use-is-deleted", ["deleted", CallRefused]),
    ],
)
def test_a_recorded_update_is_followed_to_its_end(key: str, outcomes: list[object]) -> None:
    assert followed(key) == outcomes
