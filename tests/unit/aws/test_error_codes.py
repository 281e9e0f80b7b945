"""Each error code of AWS stands once, in error_codes.py, and is one that AWS has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from lambdas.promotion.aws import error_codes
from tests import PROJECT

CODES_FILE = PROJECT / "lambdas" / "promotion" / "aws" / "error_codes.py"
# By the beginning of a constant's name: the services whose API it belongs to.
SERVICES = {
    "ECR": ("ecr",),
    "SAGEMAKER": ("sagemaker", "sagemaker-runtime"),
    "DYNAMODB": ("dynamodb",),
    "STEPFUNCTIONS": ("stepfunctions",),
    "AUTOSCALING": ("application-autoscaling",),
}
# SageMaker's API reference has it only as a common error, BatchGetImage's failure codes are an enumeration.
NOT_AN_ERROR_SHAPE = {
    error_codes.SAGEMAKER_VALIDATION,
    error_codes.ECR_NO_SUCH_IMAGE,
    *error_codes.ECR_UPSTREAM_UNAVAILABLE,
}


def codes_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, frozenset):
        for member in value:
            yield from codes_in(member[1] if isinstance(member, tuple) else member)


CONSTANTS = {name: set(codes_in(value)) for name, value in vars(error_codes).items() if name.isupper()}


def literals_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_other_module_spells_an_error_code() -> None:
    codes = set().union(*CONSTANTS.values())
    files = [file for file in (PROJECT / "lambdas").rglob("*.py") if file != CODES_FILE]
    assert codes
    assert files
    assert {str(file): spelled for file in files if (spelled := literals_of(file) & codes)} == {}


@pytest.mark.parametrize("name", [name for name in CONSTANTS if name.partition("_")[0] in SERVICES])
def test_a_services_codes_are_those_of_its_api(name: str) -> None:
    session = botocore.session.Session()
    models = [session.get_service_model(service) for service in SERVICES[name.partition("_")[0]]]
    shapes = {shape.name for model in models for shape in model.error_shapes}
    assert CONSTANTS[name] - shapes <= NOT_AN_ERROR_SHAPE


def test_every_code_that_botocore_takes_for_throttling_is_one_here() -> None:
    codes = ThrottledRetryableChecker._THROTTLED_ERROR_CODES  # type: ignore[attr-defined]
    assert set(codes) <= error_codes.THROTTLED


@pytest.mark.parametrize("service", ["sns", "dynamodb", "stepfunctions", "lambda", "sts", "ecr", "kms", "cloudwatch"])
def test_every_code_that_a_services_api_calls_throttling_is_one_here(service: str) -> None:
    shapes = botocore.session.Session().get_service_model(service).error_shapes
    codes = {str(shape.metadata.get("error", {}).get("code", shape.name)) for shape in shapes}
    assert {code for code in codes if "throttl" in code.lower()} <= error_codes.THROTTLED


def test_a_quota_has_the_code_of_throttling() -> None:
    assert CONSTANTS["QUOTAS"] <= error_codes.THROTTLED
