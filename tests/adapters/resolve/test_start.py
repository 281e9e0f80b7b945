"""By which alias an execution was started, as AWS was recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract.errors import NotYetVisible
from lambdas.promotion.resolve import start
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import EXECUTION


def described(stubs: Stubs, key: str) -> str | None:
    response = store.response(key)
    stubs.of("stepfunctions").add_response("describe_execution", response, {"executionArn": response["executionArn"]})
    client = stubs.of("stepfunctions").client
    return start.alias_of(replace(EXECUTION, arn=response["executionArn"]), stepfunctions=client)  # type: ignore[arg-type]


def test_an_execution_that_an_alias_started_names_it(stubs: Stubs) -> None:
    assert described(stubs, "stepfunctions/DescribeExecution/started-by-alias") == "qa"


@pytest.mark.parametrize(
    "key", ["stepfunctions/DescribeExecution/started-by-version", "stepfunctions/DescribeExecution/succeeded"]
)
def test_one_that_no_alias_started_names_none(stubs: Stubs, key: str) -> None:
    assert described(stubs, key) is None


def test_an_execution_that_is_not_described_yet_is_looked_at_again(stubs: Stubs) -> None:
    error = store.recording("stepfunctions/DescribeExecution/no-such-execution").error
    stubs.of("stepfunctions").add_client_error("describe_execution", error["code"], error["message"])
    with pytest.raises(NotYetVisible, match="release-7"):
        start.alias_of(EXECUTION, stepfunctions=stubs.of("stepfunctions").client)  # type: ignore[arg-type]


def test_an_error_that_is_another_is_not_taken_for_a_start_by_no_alias(stubs: Stubs) -> None:
    stubs.of("stepfunctions").add_client_error("describe_execution", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        start.alias_of(EXECUTION, stepfunctions=stubs.of("stepfunctions").client)  # type: ignore[arg-type]
