"""What stays when a stack goes: what a live endpoint needs, and what tells the past."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

# Plain RETAIN also keeps what a failed first creation leaves behind, and its fixed name then stops the second try.
RETAIN = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
