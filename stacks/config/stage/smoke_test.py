"""A stage's `smoke_test` in promotion.yaml: the requests to the endpoint, and what it must answer."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from lambdas.promotion.contract import smoke_test_settings
from lambdas.promotion.contract.jsonata import expressions
from stacks.config.fields.field_types import Flag, SageMakerName, StrictModel, text
from stacks.config.fields.option import SMOKE_TEST, option
from stacks.config.fields.settings_by_name import settings_from
from stacks.config.stage import jsonata_names

SAMPLE = "sample"
_TEST_COUNT = Field(min_length=1, max_length=10)
_OK = 200
# They travel in the promotion's document, of which a state takes 256 KiB (AWS: Step Functions quotas).
_MAX_INLINE_BYTES = 16 * 1024
_SECONDS = {"s": 1, "m": 60}
_MILLISECONDS = {"ms": 1, "s": 1000}


def _json(value: object) -> object:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be JSON: {error}; put a date in quotes") from error
    return value


def _parsable_jsonata(expression: str) -> str:
    if problem := _jsonata_problem(expression):
        raise ValueError(f"is not JSONata: {problem}")
    return expression


@cache  # many stages have the same test
def _jsonata_problem(expression: str) -> str:
    try:
        expressions.require_readable(expression)
    except expressions.BadExpression as error:
        return str(error) or type(error).__name__
    return jsonata_names.problem(expression)


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"must be base64: {error}") from error
    return text


# API: InvokeEndpoint's Header and CustomAttributesHeader.
Header = Annotated[str, text(r"^[\x20-\x7e]{1,1024}$", "1 to 1024 printable ASCII characters")]
TargetModel = Annotated[str, text(r"^[\x21-\x7e][\x20-\x7e]{0,1023}$", "a model's key below the models' prefix")]
# Exact, because a permission is granted on it: IAM reads the three characters otherwise.
PayloadSource = Annotated[
    str,
    text(
        rf"^({SAMPLE}|s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]/[^*?$]{{1,1000}})$",
        f"{SAMPLE} or an object's S3 URI such as s3://bucket/key, without * ? $",
    ),
]
Timeout = Annotated[str, text(r"^[1-9][0-9]*[sm]$", "a duration such as 90s or 5m")]
Latency = Annotated[str, text(r"^[1-9][0-9]*(ms|s)$", "a time such as 500ms or 2s")]
Percentile = Annotated[str, text(r"^(p[5-9][0-9]|max)$", "p50 to p99, or max")]
Percentage = Annotated[str, text(r"^(100|[0-9]{1,2}(\.[0-9]+)?)%$", "a percentage such as 1% or 0.5%, in quotes")]
Expression = Annotated[str, AfterValidator(_parsable_jsonata)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Tolerance(StrictModel, title="A tolerance"):
    """By how much each number in the expected JSON may differ."""

    absolute: Annotated[
        Number,
        option(
            "A number may differ by this much,",
            example=0.1,
            effect=SMOKE_TEST,
        ),
    ] = 0.0
    relative: Annotated[
        Percentage,
        option(
            "or by this share of the expected number; the larger one holds.",
            example="1%",
            effect=SMOKE_TEST,
        ),
    ] = "0%"


class Expectation(StrictModel, title="What is expected"):
    """What a good answer is, and how good all answers together must be. `status` alone is checked without it."""

    status: Annotated[
        int,
        Field(ge=200, le=599, strict=True),
        option(
            "The **model's** own status. SageMaker answers 424 (ModelError) for every model that answers 4xx or "
            "5xx; the status behind it counts here, so that `400` tests that the model refuses invalid input.",
            example=400,
            effect=SMOKE_TEST,
        ),
    ] = 200
    body: Annotated[
        str | None,
        option(
            "The whole body, byte for byte.",
            example="this is no array",
            effect=SMOKE_TEST,
        ),
    ] = None
    document: Annotated[
        Any,
        Field(alias="json"),
        AfterValidator(_json),
        option(
            "The whole body as JSON; order and spaces do not count, `true` is not 1.",
            example=[{"label": "positive"}],
            effect=SMOKE_TEST,
        ),
    ] = None
    tolerance: Annotated[
        Tolerance | None,
        option(
            "By how much each number in `json` may differ. Without it, not at all.",
            example={"absolute": 0.1},
            effect=SMOKE_TEST,
        ),
    ] = None
    jsonata: Annotated[
        Expression | None,
        option(
            "A JSONata expression (https://docs.jsonata.org) over the body's JSON that must give exactly `true`. "
            "It is parsed when the app is synthesised, and has two seconds to be evaluated "
            "(docs/decisions/0015-jsonata-in-the-smoke-test.md).",
            example="label = 'positive'",
            effect=SMOKE_TEST,
        ),
    ] = None
    latency: Annotated[
        dict[Percentile, Latency],
        option(
            "The highest permitted latency by percentile (`p50` to `p99`, or `max`; nearest rank) over all "
            "answers. It is the time that InvokeEndpoint took, measured in the hub: the way between the Regions "
            "is part of it. A request without an answer counts with the time that it was waited for.",
            example={"p95": "500ms", "max": "2s"},
            effect=SMOKE_TEST,
        ),
    ] = Field(default_factory=dict)
    error_rate: Annotated[
        Percentage,
        option(
            "How many of the requests may fail: by their status, their body, or because no answer came within 70 "
            "seconds.",
            example="0.5%",
            effect=SMOKE_TEST,
        ),
    ] = "0%"

    @model_validator(mode="after")
    def _check_tolerance(self) -> Expectation:
        if self.tolerance and "document" not in self.model_fields_set:
            raise ValueError("tolerance is about the numbers in json, which is missing")
        return self

    @property
    def strictest_milliseconds(self) -> int | None:
        return min((_in(limit, _MILLISECONDS) for limit in self.latency.values()), default=None)

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


class SmokeTest(StrictModel, title="A stage's smoke_test"):
    """One payload and what the endpoint must answer to it.

    The endpoint is really invoked (API: InvokeEndpoint), after it is in service and before the promotion ends Promoted.
    All tests run, one after the other, and all that failed are reported: the promotion ends with `SmokeTestFailed`. A
    promotion that ends Unchanged runs no test; a rollback leaves out the tests whose payload is read in the source.
    `ModelNotReadyException` is retried until the test's timeout; throttling and server errors of SageMaker itself for a
    minute, after which the promotion ends with `Throttled` or `ServiceUnavailable`.

    A stage with `async_inference` is invoked asynchronously (API: InvokeEndpointAsync): the request has at most 128,000
    bytes, and the answer, or the failure, is read from S3 until the test's `timeout`. Such a test cannot have
    `target_variant`, `target_model`, `target_container_hostname` and `status`. Without an `s3_failure_path`, a model
    that fails is noticed only because no answer arrives. What the tests leave in S3 stays there. An endpoint that its
    `autoscaling` has scaled to zero answers only when it has an instance again: keep a `min` of 1 where there is a
    smoke test.
    """

    payload: Annotated[
        str | None,
        option(
            "What is sent. One of `payload`, `payload_base64` and `payload_from` is required. Payloads and "
            "expectations travel in the promotion's document: at most 16 KB in all for a stage, and no personal "
            "data.",
            example="a fine film",
            effect=SMOKE_TEST,
        ),
    ] = None
    payload_base64: Annotated[
        Annotated[str, AfterValidator(_base64), WithJsonSchema({"type": "string", "contentEncoding": "base64"})] | None,
        option(
            "The same in base64, for what is not text.",
            example="AAEC",
            effect=SMOKE_TEST,
        ),
    ] = None
    payload_from: Annotated[
        PayloadSource | None,
        option(
            "An object of at most 6 MB, or `sample`: the promoted version's SamplePayloadUrl, an archive with one "
            "regular file (API: DescribeModelPackage). If the object's bucket is in `buckets` of the environment "
            "in `from`, the reader reads it there. Otherwise it belongs to the stage's own account, and the "
            "invoker gets the permission to read this object, in its newest version. A version without a usable "
            "sample is refused with `SamplePayloadUnusable`.",
            example="sample",
            effect=SMOKE_TEST + " Another location changes permissions: deploy all stacks.",
        ),
    ] = None
    content_type: Annotated[
        Header,
        option(
            "ContentType.",
            example="text/csv",
            effect=SMOKE_TEST,
        ),
    ]
    accept: Annotated[
        Header | None,
        option(
            "Accept.",
            example="application/json",
            effect=SMOKE_TEST,
        ),
    ] = None
    target_variant: Annotated[
        SageMakerName | None,
        option(
            "TargetVariant: this variant of the stage answers, whatever its weight.",
            example="AllTraffic",
            effect=SMOKE_TEST,
        ),
    ] = None
    target_model: Annotated[
        TargetModel | None,
        option(
            "TargetModel, which a multi-model endpoint needs.",
            example="small.tar.gz",
            effect=SMOKE_TEST,
        ),
    ] = None
    target_container_hostname: Annotated[
        SageMakerName | None,
        option(
            "TargetContainerHostname, which containers that are invoked directly need.",
            example="first",
            effect=SMOKE_TEST,
        ),
    ] = None
    custom_attributes: Annotated[
        Header | None,
        option(
            "CustomAttributes.",
            example="trace=7",
            effect=SMOKE_TEST,
        ),
    ] = None
    requests: Annotated[
        int,
        Field(ge=1, le=smoke_test_settings.MOST_REQUESTS, strict=True),
        option(
            "How many times it is sent.",
            example=20,
            effect=SMOKE_TEST,
        ),
    ] = 1
    concurrency: Annotated[
        int,
        Field(ge=1, le=smoke_test_settings.MOST_AT_ONCE, strict=True),
        option(
            "How many requests are sent at once; at most `requests`.",
            example=5,
            effect=SMOKE_TEST,
        ),
    ] = 1
    timeout: Annotated[
        Timeout,
        option(
            "No request begins later than this after the test's first; what was not sent has failed. All tests of "
            "a stage must fit into their step: 825 seconds, of which each takes its timeout and 70 for its last "
            "answers.",
            example="90s",
            effect=SMOKE_TEST,
        ),
    ] = "2m"
    expect: Annotated[
        Expectation,
        option(
            "What a good answer is, and how good all of them must be. Without it, status 200.",
            example={"json": {"label": "positive"}},
            effect=SMOKE_TEST,
        ),
    ] = Expectation()
    record: Annotated[
        Flag,
        option(
            "Whether the first 200 characters of the request and of one answer may be in the promotion's "
            "document, its result and its error. `false`: only sizes, types and statuses. More is never kept, and "
            "nothing of it is logged.",
            example=False,
            effect=SMOKE_TEST,
        ),
    ] = True

    @model_validator(mode="after")
    def _check_consistency(self) -> SmokeTest:
        problems = []
        payloads = [name for name in ("payload", "payload_base64", "payload_from") if getattr(self, name) is not None]
        if len(payloads) != 1:
            problems.append(
                f"has {' and '.join(payloads) or 'no payload'}; write one of payload, payload_base64, payload_from"
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
    tuple[SmokeTest, ...],
    _TEST_COUNT,
    WrapValidator(_one_or_several, json_schema_input_type=SmokeTest | Annotated[list[SmokeTest], _TEST_COUNT]),
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
    """Yield what is well-formed but impossible. `source` is the stage's, `registry` the environment of the versions."""
    if asynchronous:
        yield from _asynchronous_violations(path, tests)
    if source != registry and any(test.payload_from == SAMPLE for test in tests):
        yield (
            f"{path}.payload_from: the stage takes from {source}, and the versions with their sample payloads are in "
            f"{registry}'s registry; use another payload"
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
    """An asynchronous request has no such fields (API: InvokeEndpointAsync), and its answer in S3 has no status."""
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
