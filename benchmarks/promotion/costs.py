"""What a promotion costs, in US dollars."""

from __future__ import annotations

from benchmarks.promotion.published import Prices
from benchmarks.promotion.runs import Run
from benchmarks.promotion.services.simulated_buckets import READS, WRITES


def dollars(run: Run, prices: Prices) -> dict[str, float]:
    """Return the price by service: requests of S3, DynamoDB and SNS, transitions, Lambda, its logs and its traces.

    What SageMaker asks for the endpoint is not in it, nor the machine of a script.
    """
    s3 = {name.removeprefix("s3:"): number for name, number in run.calls.items() if name.startswith("s3:")}
    by_service = {
        "Step Functions": run.transitions * prices.state_transition,
        "Lambda": run.gb_seconds * prices.lambda_gb_second + run.invocations * prices.lambda_invocation,
        "S3": sum(number for name, number in s3.items() if name in WRITES) * prices.s3_write
        + sum(number for name, number in s3.items() if name in READS) * prices.s3_read,
        "DynamoDB": run.dynamodb_writes * prices.dynamodb_write + run.dynamodb_reads * prices.dynamodb_read,
        "SNS": run.calls.get("sns:Publish", 0) * prices.sns_request,
        "logs": run.log_bytes / 1e9 * prices.log_gb,
        # The execution's and its Lambdas' are one.
        "X-Ray": prices.trace if run.invocations else 0.0,
    }
    return {service: price for service, price in by_service.items() if price}
