"""cdk-nag findings that are accepted, each with its reason beside the construct."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept_finding(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept a finding on a construct and its children."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
