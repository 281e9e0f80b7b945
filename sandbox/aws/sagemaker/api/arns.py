"""Names of the service's resources, as IAM and the API spell them."""

from ministack.core.responses import get_account_id, get_region


def of(kind: str, name: str) -> str:
    """The ARN of a resource in the request's account and Region."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{kind}/{name}"


def model(name: str) -> str:
    return of("model", name.lower())


def endpoint(name: str) -> str:
    return of("endpoint", name.lower())


def endpoint_config(name: str) -> str:
    return of("endpoint-config", name.lower())


def package_group(name_or_arn: str) -> str:
    return name_or_arn if name_or_arn.startswith("arn:") else of("model-package-group", name_or_arn)


def package(name_or_arn: str) -> str:
    return name_or_arn if name_or_arn.startswith("arn:") else of("model-package", name_or_arn)


def resource_name(arn_or_name: str) -> str:
    """What stands behind the resource kind: `model-package/group/3` is named `group/3`."""
    return arn_or_name.split(":", 5)[-1].partition("/")[2] if arn_or_name.startswith("arn:") else arn_or_name
