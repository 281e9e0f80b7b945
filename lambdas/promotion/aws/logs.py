"""Structured log lines that name the promotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from lambdas.promotion.contract.document import Promotion

if TYPE_CHECKING:
    pass

logger = Logger(service="promote", use_rfc3339=True)


def log_about(promotion: Promotion, **more: object) -> None:
    """Put the promotion on every line of this invocation."""
    logger.append_keys(
        promotion_id=promotion.execution.promotion_id,
        application=promotion.request.application,
        stage=promotion.stage.name,
        **more,
    )
