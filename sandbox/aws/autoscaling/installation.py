"""Where the service is hooked into MiniStack. What it remembers is forgotten with the endpoints (sagemaker/state)."""

from ministack import app
from ministack.core import router

from sandbox.aws.autoscaling import authorization, operations
from sandbox.aws.sagemaker.api.api import Service

SERVICE = "application-autoscaling"


def install() -> None:
    # Not in SERVICE_TO_IAM_NAMESPACE: the service itself checks every permission, as the sandbox's SageMaker does.
    service = Service(SERVICE, operations.OPERATIONS, authorization.required_permissions, operations.subject)
    app.SERVICE_HANDLERS[SERVICE] = service.handle_request
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": ["AnyScaleFrontendService."],
        "host_patterns": [r"application-autoscaling\."],
        "credential_scope": SERVICE,
    }
