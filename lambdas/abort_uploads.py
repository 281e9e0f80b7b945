"""Leave no multipart upload behind when a promotion fails: parts that nobody completes are paid for."""

from __future__ import annotations

from lambdas.promotion import arrivals, duties, inventory, lists
from lambdas.promotion.document import Artifact, Promotion
from lambdas.promotion.step import logger, s3_of_hub, step


@step
def handler(promotion: Promotion) -> Promotion:
    artifacts = lists.read(lists.INVENTORY, Artifact, promotion, s3=s3_of_hub())
    folders = inventory.folders(artifacts, application=promotion.request.application, stage=promotion.stage.name)
    aborted = arrivals.abort_uploads(folders, promotion.target, s3=duties.as_deployer(promotion).s3)
    logger.info("Uploads aborted", extra={"uploads": aborted})
    return promotion
