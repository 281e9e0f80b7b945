"""Conditions of policies that several roles share."""

from __future__ import annotations


def via_service(service: str, region: str) -> dict[str, dict[str, object]]:
    """The key may be used only through this service in this Region; `service` as in its endpoint's name, such as s3."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}}
