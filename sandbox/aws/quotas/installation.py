"""Where the service is hooked into MiniStack."""

from collections.abc import Iterator

from ministack import app
from ministack.core import router

from sandbox.aws.quotas.operations import OPERATIONS
from sandbox.aws.sagemaker.api.api import Service
from sandbox.aws.sagemaker.api.authorization import RequiredPermission
from sandbox.aws.sagemaker.state import Record

SERVICE = "service-quotas"
SIGNED_FOR = "servicequotas"  # also what IAM calls it


def install() -> None:
    # Not in SERVICE_TO_IAM_NAMESPACE: the service asks for the permission itself, as the sandbox's SageMaker.
    service = Service(
        SERVICE, OPERATIONS, _required_permissions, lambda parameters: str(parameters.get("QuotaCode", ""))
    )
    app.SERVICE_HANDLERS[SERVICE] = service.handle_request
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": ["ServiceQuotasV20190624."],
        "host_patterns": [r"servicequotas\."],
        "credential_scope": SIGNED_FOR,
    }


def _required_permissions(operation: str, _: Record) -> Iterator[RequiredPermission]:
    """Neither call knows resources (AWS: Service Authorization Reference, Service Quotas)."""
    yield RequiredPermission(f"{SIGNED_FOR}:{operation}", ("*",))
