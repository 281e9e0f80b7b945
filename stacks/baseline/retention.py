"""The removal policy of what outlives its stack: what a live endpoint requires, and the records."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

# Plain RETAIN also keeps what a failed first creation has left, whose fixed name then blocks the next attempt.
RETAIN = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
