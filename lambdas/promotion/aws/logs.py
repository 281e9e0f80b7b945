"""Structured log lines that name the promotion."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from lambdas.promotion.contract.document import Promotion

logger = Logger(service="promote", use_rfc3339=True)


def log_about(promotion: Promotion, **keys: object) -> None:
    """Add the promotion's keys to every log line of this invocation."""
    logger.append_keys(
        promotion_id=promotion.execution.promotion_id,
        application=promotion.request.application,
        stage=promotion.stage.name,
        **keys,
    )
