"""Service Quotas is asked for the quotas of the instance types in use, by their codes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.aws import error_translation
from lambdas.promotion.preflight import queries, quota_codes, service_quotas
from lambdas.promotion.preflight.findings import Inconclusive
from recordings import store
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_service_quotas import ServiceQuotasClient

TYPE, UNKNOWN = "ml.m5.large", "ml.z9.large"
NAME, CODE = f"{TYPE} for endpoint usage", quota_codes.CODES[TYPE]
LISTED = {
    entry["QuotaName"]: entry["QuotaCode"]
    for entry in store.response("service-quotas/ListServiceQuotas/endpoint-usage-codes")["Quotas"]
}
NO_VALUE = store.error("service-quotas/GetServiceQuota/no-applied-value").response["Error"]


@pytest.fixture
def client(stubs: Stubs) -> ServiceQuotasClient:
    made: ServiceQuotasClient = stubs.of("service-quotas").client  # type: ignore[assignment]
    error_translation.translate_errors(made, "The role deployer")
    return made


def answer(stubs: Stubs, code: str, name: str, value: float) -> None:
    quota = {"QuotaCode": code, "QuotaName": name, "Value": value}
    asked = {"ServiceCode": "sagemaker", "QuotaCode": code}
    stubs.of("service-quotas").add_response("get_service_quota", {"Quota": quota}, asked)


def page(stubs: Stubs, *names: str, token: str | None = None, more: str | None = None) -> None:
    stubs.of("service-quotas").add_response(
        "list_service_quotas",
        {"Quotas": [{"QuotaName": name, "Value": 4.0} for name in names], **({"NextToken": more} if more else {})},
        {"ServiceCode": "sagemaker", "MaxResults": 100, **({"NextToken": token} if token else {})},
    )


def read(client: ServiceQuotasClient, *types: str, seconds: float = 60) -> dict[str, float]:
    return service_quotas.quotas(types, until=time.monotonic() + seconds, client=client)


def test_the_codes_are_those_that_were_published() -> None:
    assert {quota_codes.quota_name(kind): code for kind, code in quota_codes._rows()} == LISTED
    assert dict(quota_codes._rows()) == quota_codes.CODES
    assert len(set(quota_codes.CODES.values())) == len(quota_codes.CODES)


def test_a_quota_is_asked_for_by_its_code_and_no_other_is_read(stubs: Stubs, client: ServiceQuotasClient) -> None:
    other = "ml.g5.xlarge"
    answer(stubs, CODE, NAME, 4.0)
    answer(stubs, quota_codes.CODES[other], f"{other} for endpoint usage", 1.0)
    assert read(client, TYPE, other, seconds=-1) == {TYPE: 4.0, other: 1.0}


def test_a_quota_without_an_applied_value_has_none(stubs: Stubs, client: ServiceQuotasClient) -> None:
    """Its default is mostly 0 and would stop a promotion that is possible."""
    stubs.of("service-quotas").add_client_error("get_service_quota", NO_VALUE["Code"], NO_VALUE["Message"], 400)
    assert read(client, TYPE) == {}


def test_a_code_that_names_another_quota_is_not_believed(stubs: Stubs, client: ServiceQuotasClient) -> None:
    answer(stubs, CODE, "ml.m5.large for training job usage", 9.0)
    page(stubs, "another", NAME)
    assert read(client, TYPE) == {TYPE: 4.0}


def test_types_without_a_code_are_searched_for_by_name_once(stubs: Stubs, client: ServiceQuotasClient) -> None:
    answer(stubs, CODE, NAME, 1.0)
    page(stubs, "another", f"{UNKNOWN} for endpoint usage", more="2")
    page(stubs, "ml.z9.metal for endpoint usage", token="2", more="3")
    assert read(client, TYPE, UNKNOWN, "ml.z9.metal") == {TYPE: 1.0, UNKNOWN: 4.0, "ml.z9.metal": 4.0}


def test_the_search_by_name_ends_at_its_deadline(stubs: Stubs, client: ServiceQuotasClient) -> None:
    page(stubs, "another", more="2")
    assert read(client, UNKNOWN, seconds=-1) == {}


@pytest.mark.parametrize("code", ["AccessDeniedException", "TooManyRequestsException", "IllegalArgumentException"])
def test_a_quota_without_an_answer_is_inconclusive(stubs: Stubs, client: ServiceQuotasClient, code: str) -> None:
    stubs.of("service-quotas").add_client_error("get_service_quota", code, "No.", 400)
    result: Any = queries.run_query(lambda: read(client, TYPE), "The quotas")
    assert isinstance(result, Inconclusive)
