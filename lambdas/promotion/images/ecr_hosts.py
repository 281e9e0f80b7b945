"""The hosts of a private registry of Amazon ECR: each registry has four, for IPv4 or dual-stack, with or without FIPS.

Source: AWS, ECR user guide, "Making requests to Amazon ECR registries"; awslabs/amazon-ecr-credential-helper,
ecr-login/api/client.go (ecrPattern). Pure.
"""

from __future__ import annotations

import re

_HOST = re.compile(
    r"([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.(?:aws|amazonwebservices\.com\.cn))",
    re.IGNORECASE,
)


def location_of(host: str) -> tuple[str, str] | None:
    """Return account and Region of the registry with this host, or None if it is not one of ECR."""
    match = _HOST.fullmatch(host)
    return (match[1], match[2].lower()) if match else None


def host_of(account: str, region: str) -> str:
    """Return the registry's usual host, which SageMaker's documentation names."""
    return f"{account}.dkr.ecr.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
