"""Environment variables: what a stage's configuration makes of them, and which may not be carried unasked. Pure.

A value may hold what is true in the source only: its account's number, an ARN, an address in S3 that is no whole
s3:// address, a secret. Each is mapped by the stage's `variables` or `arns`, or refused by its name. What the
configuration sets, replaces or keeps is trusted and not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lambdas.promotion.contract import sagemaker_limits
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.model import arn_mapping, jumpstart, s3_uris, secret_detection

# The SDK writes the Region of the session that made the model there (sagemaker-python-sdk: model_builder.py).
REGION = "SAGEMAKER_REGION"
_REMEDY = "variables.replace, drop or keep"
_QUOTED = 120


def in_stage(environment: Mapping[str, str], stage: Stage, target: Environment) -> dict[str, str]:
    """Return a container's variables in the target: the stage's configuration applied, ARNs and Regions exchanged."""
    rules = stage.variables
    here = {name: value for name, value in environment.items() if name not in rules.drop}
    here |= {name: value for name, value in rules.replace.items() if name in here}
    here |= rules.set
    return {
        name: value if name in rules.trusted else _exchanged(name, value, stage, target) for name, value in here.items()
    }


def problems(
    environment: Mapping[str, str], path: str, *, stage: Stage, source: Environment, target: Environment
) -> Iterator[str]:
    """Yield why variables cannot be carried as they are. No value of what looks like a secret is told.

    `path` is the container's place, with a dot at its end.
    """
    rules = stage.variables
    for name, value in environment.items():
        if name in rules.drop or name in rules.trusted or name == REGION:
            continue
        where = f"{path}Environment.{name}"
        secret = secret_detection.kind_of_secret(name, _own_words(value, stage))
        if secret:
            yield f"{where} (it looks like {secret}: {_REMEDY})"
        else:
            yield from (f"{where} ({why})" for why in _foreign(value, stage, source, target))
    count = len(in_stage(environment, stage, target))
    if count > sagemaker_limits.MOST_VARIABLES:
        allowed = sagemaker_limits.MOST_VARIABLES
        yield f"{path}Environment ({count} with those of variables.set; SageMaker allows {allowed})"


def _exchanged(name: str, value: str, stage: Stage, target: Environment) -> str:
    if name == REGION:
        return target.region
    return s3_uris.replaced(arn_mapping.mapped(value, stage.arns)[0], lambda uri: _in_region(uri, target.region) or uri)


def _foreign(value: str, stage: Stage, source: Environment, target: Environment) -> Iterator[str]:
    left = arn_mapping.mapped(value, stage.arns)[1]
    for _, uri in s3_uris.in_text(left):
        if _in_region(uri, target.region) is None:
            yield f"AWS's bucket of {uri} has no known twin in {target.region}: {_REMEDY}"
    foreign = [arn for arn in arn_mapping.in_text(left) if not arn_mapping.is_aws_own(arn, target.region)]
    for arn in dict.fromkeys(foreign):
        yield f"it holds {_short(arn)}: arns, or {_REMEDY}"
        left = left.replace(arn, "\0")
    spelling = s3_uris.other_spelling(left)
    if spelling:
        yield f"it speaks of S3 ({spelling!r}) otherwise than by whole s3:// addresses: {_REMEDY}"
    number = re.search(rf"(?<!\d){source.account}(?!\d)", _without_uris(left))
    if number and source.account != target.account:
        yield f"it holds the source account's number {source.account}: {_REMEDY}"


def _in_region(uri: str, region: str) -> str | None:
    return jumpstart.in_region(uri, region) if jumpstart.is_cache(uri) else uri


def _own_words(value: str, stage: Stage) -> str:
    """Return what a value says besides addresses and ARNs, which have rules of their own and are no secrets."""
    left = arn_mapping.mapped(value, stage.arns)[1]
    for arn in arn_mapping.in_text(left):
        left = left.replace(arn, "")
    return _without_uris(left).replace("\0", "")


def _without_uris(text: str) -> str:
    return s3_uris.replaced(text, lambda _: "\0")


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
