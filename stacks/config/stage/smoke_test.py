"""A stage's smoke_test in promotion.yaml: what is asked of the endpoint, and what must come back.

docs/configuration.md explains every member.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from lambdas.promotion.contract import jsonata_expressions, smoke_test_settings
from stacks.config.fields.settings_by_name import settings_from

SAMPLE = "sample"
_MAX_TESTS = 10
_OK = 200
# They travel in the promotion's document, of which a state takes 256 KiB (AWS: Step Functions quotas).
_MAX_INLINE_BYTES = 16 * 1024
_SECONDS = {"s": 1, "m": 60}
_MILLISECONDS = {"ms": 1, "s": 1000}


def _matching(pattern: str, meaning: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {meaning}, not {text!r}")
        return text

    return AfterValidator(check)


def _json(value: object) -> object:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be JSON: {error}; put a date in quotes") from error
    return value


def _parsable_jsonata(expression: str) -> str:
    try:
        jsonata_expressions.require_readable(expression)
    except jsonata_expressions.BadExpression as error:
        raise ValueError(f"is no JSONata: {error}") from error
    return expression


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"must be base64: {error}") from error
    return text


# API: InvokeEndpoint's Header and CustomAttributesHeader.
Header = Annotated[str, _matching(r"[\x20-\x7e]{1,1024}", "1 to 1024 printable ASCII characters")]
Name = Annotated[str, _matching(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "letters, digits and hyphens, at most 63")]
TargetModel = Annotated[str, _matching(r"[\x21-\x7e][\x20-\x7e]{0,1023}", "a model's key below the models' prefix")]
# Exact, because a right is granted on it: IAM reads the three characters otherwise.
PayloadSource = Annotated[
    str,
    _matching(
        rf"{SAMPLE}|s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]/[^*?$]{{1,1000}}",
        f"{SAMPLE} or an object's address such as s3://bucket/key, without * ? $",
    ),
]
Timeout = Annotated[str, _matching(r"[1-9][0-9]*[sm]", "a duration such as 90s or 5m")]
Latency = Annotated[str, _matching(r"[1-9][0-9]*(ms|s)", "a time such as 500ms or 2s")]
Percentile = Annotated[str, _matching(r"p[5-9][0-9]|max", "p50 to p99, or max")]
Percentage = Annotated[str, _matching(r"(100|[0-9]{1,2}(\.[0-9]+)?)%", "a percentage such as 1% or 0.5%, in quotes")]
Expression = Annotated[str, AfterValidator(_parsable_jsonata)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tolerance(_Strict):
    """By how much a number may differ."""

    absolute: Number = 0.0
    relative: Percentage = "0%"


class Expectation(_Strict):
    """What a good answer is, and how good all of them together must be."""

    status: Annotated[int, Field(ge=200, le=599, strict=True)] = 200
    body: str | None = None
    document: Annotated[Any, Field(alias="json"), AfterValidator(_json)] = None
    tolerance: Tolerance | None = None
    jsonata: Expression | None = None
    latency: dict[Percentile, Latency] = {}
    error_rate: Percentage = "0%"

    @model_validator(mode="after")
    def _check_tolerance(self) -> Expectation:
        if self.tolerance and "document" not in self.model_fields_set:
            raise ValueError("tolerance is about the numbers in json, which is missing")
        return self

    @property
    def strictest_milliseconds(self) -> int | None:
        return min((_in(one, _MILLISECONDS) for one in self.latency.values()), default=None)

    def deployed(self) -> smoke_test_settings.Expectation:
        tolerance = self.tolerance or Tolerance()
        return settings_from(
            smoke_test_settings.Expectation,
            self,
            json=json.dumps(self.document) if "document" in self.model_fields_set else None,
            absolute=tolerance.absolute,
            relative=_fraction(tolerance.relative),
            latency={name: _in(limit, _MILLISECONDS) for name, limit in self.latency.items()},
            error_rate=_fraction(self.error_rate),
        )


class SmokeTest(_Strict):
    """One payload and what must come back."""

    payload: str | None = None
    payload_base64: Annotated[str, AfterValidator(_base64)] | None = None
    payload_from: PayloadSource | None = None
    content_type: Header
    accept: Header | None = None
    target_variant: Name | None = None
    target_model: TargetModel | None = None
    target_container_hostname: Name | None = None
    custom_attributes: Header | None = None
    requests: Annotated[int, Field(ge=1, le=smoke_test_settings.MOST_REQUESTS, strict=True)] = 1
    concurrency: Annotated[int, Field(ge=1, le=smoke_test_settings.MOST_AT_ONCE, strict=True)] = 1
    timeout: Timeout = "2m"
    expect: Expectation = Expectation()
    record: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def _check_consistency(self) -> SmokeTest:
        problems = []
        given = [name for name in ("payload", "payload_base64", "payload_from") if getattr(self, name) is not None]
        if len(given) != 1:
            problems.append(
                f"has {' and '.join(given) or 'no payload'}; say one of payload, payload_base64, payload_from"
            )
        if self.concurrency > self.requests:
            problems.append(f"concurrency is {self.concurrency}, more than the {self.requests} requests")
        limit = self.expect.strictest_milliseconds
        if (
            limit is not None
            and (required := -(-self.requests // self.concurrency) * limit / 1000) > self.timeout_seconds
        ):
            problems.append(
                f"{self.requests} requests, {self.concurrency} at once, each as slow as latency allows ({limit} ms), "
                f"need {required:g} s, and the timeout is {self.timeout}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def timeout_seconds(self) -> int:
        return _in(self.timeout, _SECONDS)

    @property
    def longest_seconds(self) -> int:
        """Its timeout, and what the last answers may take."""
        return self.timeout_seconds + smoke_test_settings.RESPONSE_SECONDS

    @property
    def inline_bytes(self) -> int:
        texts = (self.payload, self.payload_base64, self.expect.body, self.expect.jsonata)
        return sum(len(text.encode()) for text in texts if text) + len(json.dumps(self.expect.document))

    def deployed(self, source_buckets: Collection[str]) -> smoke_test_settings.SmokeTest:
        return settings_from(smoke_test_settings.SmokeTest, self, payload=self._payload(source_buckets))

    def reads_source(self, source_buckets: Collection[str]) -> bool:
        """Return whether the payload is read in the environment that the stage takes models from."""
        return self._payload(source_buckets).read_in_source

    def _payload(self, source_buckets: Collection[str]) -> smoke_test_settings.Payload:
        if self.payload_from is None:
            return smoke_test_settings.Payload(text=self.payload, base64=self.payload_base64)
        if self.payload_from == SAMPLE:
            return smoke_test_settings.Payload(sample=True)
        bucket, _, key = self.payload_from.removeprefix("s3://").partition("/")
        return smoke_test_settings.Payload(bucket=bucket, key=key, in_source=bucket in source_buckets)


def _one_or_several(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    return handler(value) if isinstance(value, list | tuple) else (SmokeTest.model_validate(value),)


SmokeTests = Annotated[
    tuple[SmokeTest, ...], Field(min_length=1, max_length=_MAX_TESTS), WrapValidator(_one_or_several)
]


def constraint_violations(
    path: str,
    tests: Sequence[SmokeTest],
    *,
    source: str,
    registry: str,
    variants: Collection[str],
    asynchronous: bool = False,
) -> Iterator[str]:
    """Yield what is well-formed but cannot be. `source` is where the stage takes from, `registry` has the versions."""
    if asynchronous:
        yield from _asynchronous_violations(path, tests)
    if source != registry and any(test.payload_from == SAMPLE for test in tests):
        yield (
            f"{path}.payload_from: the stage takes from {source}, and the versions with their sample payloads are in "
            f"{registry}'s registry; say another payload"
        )
    for test in tests:
        if test.target_variant is not None and variants and test.target_variant not in variants:
            yield f"{path}.target_variant: {test.target_variant!r} is no variant (there are: {', '.join(variants)})"
    seconds = sum(test.longest_seconds for test in tests)
    if seconds > smoke_test_settings.STEP_SECONDS:
        yield (
            f"{path}.timeout: with {smoke_test_settings.RESPONSE_SECONDS} s for its last answers, every test's timeout "
            f"together is {seconds} s; the step has {smoke_test_settings.STEP_SECONDS} s"
        )
    size = sum(test.inline_bytes for test in tests)
    if size > _MAX_INLINE_BYTES:
        yield (
            f"{path}: its payloads, bodies, json and expressions have {size} bytes; the limit is {_MAX_INLINE_BYTES}. "
            "Put larger payloads into S3 (payload_from)"
        )


def _asynchronous_violations(path: str, tests: Sequence[SmokeTest]) -> Iterator[str]:
    """An asynchronous request has no such members (API: InvokeEndpointAsync), and its answer in S3 has no status."""
    targets = ("target_variant", "target_model", "target_container_hostname")
    for field in targets:
        if any(getattr(test, field) for test in tests):
            yield f"{path}.{field}: the stage has async_inference, and an asynchronous request cannot have it"
    if any(test.expect.status != _OK for test in tests):
        yield f"{path}.expect.status: the stage has async_inference, and an answer in S3 has no status; leave it out"


def _in(text: str, units: dict[str, int]) -> int:
    number = re.match("[0-9]+", text)
    return int(number[0]) * units[text[number.end() :]] if number else 0


def _fraction(percentage: str) -> float:
    return float(percentage.rstrip("%")) / 100
