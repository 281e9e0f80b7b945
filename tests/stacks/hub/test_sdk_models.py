"""The bundle's botocore can make the calls of the code, to the endpoints that an untrimmed one would call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import Session

from stacks.config.load import load
from stacks.hub import bundle
from stacks.hub.sdk import models as sdk_models
from tests import PROJECT
from tests.adapters.aws.test_modelled_errors import NOT_CALLED
from tests.sdk_drift.calls import CALLS

# What botocore calls by itself, and words of the code that are no calls.
BY_BOTOCORE = {"s3": {"CreateSession", "HeadBucket"}, "sts": {"AssumeRoleWithWebIdentity"}}
WORDS = {"Decrypt", "Encrypt", "Sign", "Verify"}
# Of each of AWS's partitions, and one that is younger than the SDK.
REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-9")


@pytest.fixture(scope="module")
def data() -> Path:
    return bundle.build(load(PROJECT / "sandbox" / "demo" / "promotion.yaml").deployed()) / "botocore" / "data"


@pytest.fixture(scope="module")
def trimmed(data: Path) -> Loader:
    return Loader(extra_search_paths=[str(data)], include_default_search_paths=False)


@cache
def installed() -> Loader:
    return Loader(extra_search_paths=[str(Path(botocore.__file__).parent / "data")], include_default_search_paths=False)


def client_of(service: str, region: str, loader: Loader) -> Any:
    session = Session()
    session.register_component("data_loader", loader)
    session.set_credentials("key", "secret")
    return session.create_client(service, region_name=region)


def without_documentation(part: Any) -> Any:
    if isinstance(part, dict):
        is_text = isinstance(part.get("documentation"), str)
        return {
            name: without_documentation(value)
            for name, value in part.items()
            if not (is_text and name == "documentation")
        }
    return [without_documentation(value) for value in part] if isinstance(part, list) else part


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["shape"]] if isinstance(part.get("shape"), str) else []
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from references(inner)


def test_the_services_are_those_that_are_called(trimmed: Loader) -> None:
    assert set(trimmed.list_available_services("service-2")) == set(CALLS)


@pytest.mark.parametrize("service", CALLS)
def test_each_operation_that_is_called_is_kept_and_few_others(service: str, trimmed: Loader) -> None:
    kept = {
        name
        for name, operation in trimmed.load_service_model(service, "service-2")["operations"].items()
        if not operation.get("endpointoperation")
    }
    assert CALLS[service] | BY_BOTOCORE.get(service, set()) <= kept
    assert kept - CALLS[service] - BY_BOTOCORE.get(service, set()) <= NOT_CALLED | WORDS


@pytest.mark.parametrize("service", CALLS)
def test_what_is_kept_of_a_model_is_complete_and_unchanged(service: str, trimmed: Loader) -> None:
    kept, whole = (loader.load_service_model(service, "service-2") for loader in (trimmed, installed()))
    assert kept["metadata"] == whole["metadata"]
    for part in ("operations", "shapes"):
        assert kept[part] == {name: without_documentation(whole[part][name]) for name in kept[part]}
    assert set(references([kept["operations"], kept["shapes"]])) <= set(kept["shapes"])
    errors = {name for name, shape in whole["shapes"].items() if shape.get("exception")}
    assert errors <= set(kept["shapes"])


@pytest.mark.parametrize("service", CALLS)
def test_what_can_be_paginated_still_can(service: str, trimmed: Loader) -> None:
    kept = trimmed.load_service_model(service, "paginators-1")["pagination"] if service != "sagemaker-runtime" else {}
    whole = installed().load_service_model(service, "paginators-1")["pagination"] if kept else {}
    assert kept == {name: paginator for name, paginator in whole.items() if name in kept}
    assert CALLS[service] & set(whole) <= set(kept)


@pytest.mark.parametrize("service", CALLS)
def test_a_client_calls_the_same_endpoint(service: str, trimmed: Loader) -> None:
    assert endpoints(service, trimmed) == endpoints(service, installed())


def endpoints(service: str, loader: Loader) -> list[tuple[Any, ...]]:
    """The endpoint and the signature of each Region, by the older way of botocore and by the service's own rules."""
    clients = [client_of(service, region, loader) for region in REGIONS]
    return [
        (
            client.meta.endpoint_url,
            client.meta.partition,
            client._request_signer.signing_name,
            client._request_signer.signature_version,
            client._ruleset_resolver._provider.resolve_endpoint(
                Region=client.meta.region_name, UseFIPS=False, UseDualStack=False
            ),
        )
        for client in clients
    ]


def test_an_operation_that_the_code_names_is_kept_whatever_way_it_is_called(tmp_path: Path) -> None:
    source = tmp_path / "step.py"
    source.write_text('sagemaker = client("sagemaker")\ngetattr(sagemaker, "list_model_packages")()\n')
    data = Path(botocore.__file__).parent / "data"
    folder = tmp_path / "botocore" / "data"
    folder.mkdir(parents=True)
    for name in ("sagemaker", "endpoints.json", "partitions.json", "_retry.json", "sdk-default-configuration.json"):
        (folder / name).symlink_to(data / name)
    assert sdk_models.services([source]) == {"sagemaker"}
    sdk_models.trim(folder.parent, tmp_path / "kept", sdk_models.words([source]))
    loader = Loader(extra_search_paths=[str(tmp_path / "kept")], include_default_search_paths=False)
    assert set(loader.load_service_model("sagemaker", "service-2")["operations"]) == {"ListModelPackages"}
