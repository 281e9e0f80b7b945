"""Environment variables: their adaptation to a stage, and those that a stage's configuration must name.

A value may contain what is valid in the source only: its account ID, an ARN, an S3 location that is not a complete
s3:// URI or that the container writes to, a secret. Each is mapped by the stage's `variables` or `arns`, or rejected
by its name. What the configuration sets, replaces or keeps is trusted and not checked. Pure: no AWS calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lambdas.promotion.contract import sagemaker_limits
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.model import arn_mapping, jumpstart, s3_uris, secret_detection, written_locations

# The SDK writes the Region of the session that created the model there (sagemaker-python-sdk: model_builder.py).
_SESSIONS_REGION = "SAGEMAKER_REGION"
# AWS_REGION, AWS_DEFAULT_REGION, AWS_REGION_NAME, s3Region.
_REGION = re.compile(r"(?i:(?:^|[_.-])region(?:[_.-]?(?:name|id))?$)|[A-Za-z0-9]Region(?:Name|Id)?$")
_REMEDY = "variables.replace, drop or keep"
_QUOTED = 120


def in_stage(
    environment: Mapping[str, str], *, stage: Stage, source: Environment, target: Environment
) -> dict[str, str]:
    """Return a container's variables in the target: the stage's configuration applied, ARNs and Regions replaced."""
    rules = stage.variables
    kept = {name: value for name, value in environment.items() if name not in rules.drop}
    kept |= {name: value for name, value in rules.replace.items() if name in kept}
    kept |= rules.set
    return {
        name: value if name in rules.trusted else _adapted(name, value, stage, source, target)
        for name, value in kept.items()
    }


def problems(
    environment: Mapping[str, str], path: str, *, stage: Stage, source: Environment, target: Environment
) -> Iterator[str]:
    """Yield why variables cannot be kept unchanged. The value of what looks like a secret is not reported.

    `path` is the container's location, with a dot at its end.
    """
    rules = stage.variables
    for name, value in environment.items():
        if name in rules.drop or name in rules.trusted or name == _SESSIONS_REGION:
            continue
        location = f"{path}Environment.{name}"
        secret = secret_detection.kind_of_secret(name, _other_text(value, stage))
        if secret:
            yield f"{location} (it looks like {secret}: {_REMEDY})"
        else:
            yield from (f"{location} ({reason})" for reason in _foreign(name, value, stage, source, target))
    count = len(in_stage(environment, stage=stage, source=source, target=target))
    if count > sagemaker_limits.MOST_VARIABLES:
        allowed = sagemaker_limits.MOST_VARIABLES
        yield f"{path}Environment ({count} with those of variables.set; SageMaker allows {allowed})"


def _adapted(name: str, value: str, stage: Stage, source: Environment, target: Environment) -> str:
    if name == _SESSIONS_REGION or (_REGION.search(name) and value.strip() == source.region):
        return target.region
    return s3_uris.replaced(arn_mapping.mapped(value, stage.arns)[0], lambda uri: _in_region(uri, target.region) or uri)


def _foreign(name: str, value: str, stage: Stage, source: Environment, target: Environment) -> Iterator[str]:
    rest = arn_mapping.mapped(value, stage.arns)[1]
    for _, uri in s3_uris.in_text(rest):
        if written_locations.is_written(name, uri):
            yield (
                f"by its name the container writes to {_short(uri)}, and may not write to a copy: {_REMEDY}; if it "
                "only reads it, register the model with another name for it"
            )
        if _in_region(uri, target.region) is None:
            yield f"no JumpStart bucket is known in {target.region} for {uri}: {_REMEDY}"
    foreign = [arn for arn in arn_mapping.in_text(rest) if not arn_mapping.is_aws_own(arn, target.region)]
    for arn in dict.fromkeys(foreign):
        yield f"it contains {_short(arn)}: arns, or {_REMEDY}"
        rest = rest.replace(arn, "\0")
    spelling = s3_uris.other_spelling(rest)
    if spelling:
        yield f"it refers to S3 ({spelling!r}) other than by a complete s3:// URI whose end is certain: {_REMEDY}"
    account_id = re.search(rf"(?<!\d){source.account}(?!\d)", _without_uris(rest))
    if account_id and source.account != target.account:
        yield f"it contains the source's account ID {source.account}: {_REMEDY}"


def _in_region(uri: str, region: str) -> str | None:
    return jumpstart.in_region(uri, region) if jumpstart.is_cache(uri) else uri


def _other_text(value: str, stage: Stage) -> str:
    """Return a value without S3 URIs and ARNs, which have rules of their own and are not secrets."""
    rest = arn_mapping.mapped(value, stage.arns)[1]
    for arn in arn_mapping.in_text(rest):
        rest = rest.replace(arn, "")
    return _without_uris(rest).replace("\0", "")


def _without_uris(text: str) -> str:
    return s3_uris.replaced(text, lambda _: "\0")


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
