"""The quotas of SageMaker's endpoints, asked of Service Quotas: by their codes, and by name where no code is known.

One short call a type: SageMaker has more than 1,600 quotas in pages of 100, of which each names the next.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.preflight.quota_codes import CODES, quota_name

if TYPE_CHECKING:
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_service_quotas.type_defs import ServiceQuotaTypeDef

_SERVICE = "sagemaker"
_PAGE = 100  # API: ListServiceQuotas, MaxResults


def quotas(types: Collection[str], *, until: float, client: ServiceQuotasClient) -> dict[str, float]:
    """Return the quota of each instance type, unless Service Quotas has no applied value in the Region.

    `until` is a time of time.monotonic(): the search for types without a code ends then.
    """
    values = dict[str, float]()
    unnamed = set[str]()
    for instance_type in types:
        code = CODES.get(instance_type)
        quota = _by_code(code, client=client) if code else None
        if quota and quota["QuotaName"] == quota_name(instance_type):
            values[instance_type] = quota["Value"]
        elif quota or not code:
            unnamed.add(instance_type)
    return values | (_by_name(unnamed, until=until, client=client) if unnamed else {})


def _by_code(code: str, *, client: ServiceQuotasClient) -> ServiceQuotaTypeDef | None:
    """Return the quota that applies. Its default is no answer: SageMaker's are mostly 0, and less than what applies."""
    try:
        return client.get_service_quota(ServiceCode=_SERVICE, QuotaCode=code)["Quota"]
    except ClientError as error:
        if error_codes.code_of(error) != error_codes.SERVICE_QUOTAS_NO_SUCH_RESOURCE:
            raise
        return None


def _by_name(types: Iterable[str], *, until: float, client: ServiceQuotasClient) -> dict[str, float]:
    wanted, values = {quota_name(instance_type): instance_type for instance_type in types}, dict[str, float]()
    pages = client.get_paginator("list_service_quotas").paginate(
        ServiceCode=_SERVICE, PaginationConfig={"PageSize": _PAGE}
    )
    for page in pages:
        values |= {
            wanted[quota["QuotaName"]]: quota["Value"] for quota in page["Quotas"] if quota["QuotaName"] in wanted
        }
        if len(values) == len(wanted) or time.monotonic() > until:
            break
    return values
