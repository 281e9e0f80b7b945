"""The commands of docs/restore-table.sh restore a table to a point in time, under its name."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from lambdas.promotion.contract import resource_names
from sandbox.aws.control import Sandbox
from tests.docs import pages
from tests.sandbox.aws.builders import HUB, eventually

TABLE = resource_names.RECORDS_TABLE
RESTORE, REPLACE, PROTECT, FIND_DELETED = re.findall(
    r"^# \S.*\n((?:[a-z ].*\n)+)", (pages.DOCS / "restore-table.sh").read_text(), re.MULTILINE
)
# The example of a time.
TIME = "2026-11-01T12:00:00Z"


class Shell:
    """Runs a block of a page as a shell does with the AWS CLI, which is not installed: variables, $(…), `aws`."""

    def __init__(self, clients: Mapping[str, Any]) -> None:
        self.variables: dict[str, str] = {}
        self._clients = clients

    def run(self, block: str) -> None:
        for line in block.replace("\\\n", " ").splitlines():
            assigned = re.fullmatch(r"(\w+)=(.*)", line)
            if assigned:
                self.variables[assigned[1]] = self._text(assigned[2])
            else:
                self.call(line)

    def call(self, command: str) -> Any:
        """Call AWS. Returns what `--query` selects."""
        program, service, operation, *words = shlex.split(self._expanded(command))
        assert program == "aws"
        client = self._clients[service]
        if operation == "wait":
            operation, *words = words
            waited = {"".join(map(str.title, option.split("-"))): value for option, value in _options(words)}
            return client.get_waiter(operation.replace("-", "_")).wait(**waited)
        options = dict(_options(words))
        query = options.pop("--query", "@")
        assert options.pop("--output", "text") == "text"
        shape = client.meta.service_model.operation_model(_operation(client, operation)).input_shape
        parameters = {member: _value(shape.members[member], value) for member, value in _members(shape, options)}
        return jmespath.search(query, getattr(client, operation.replace("-", "_"))(**parameters))

    def _text(self, value: str) -> str:
        if value.startswith("$("):
            return str(self.call(value[2:-1]))
        return self._expanded(value.strip('"'))

    def _expanded(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda match: self.variables[match[1]], text)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    while words:
        option, *words = words
        value = words.pop(0) if words and not words[0].startswith("--") else ""
        yield option, value


def _operation(client: Any, command: str) -> str:
    names: list[str] = client.meta.service_model.operation_names
    return next(name for name in names if xform_name(name, "-") == command)


def _members(shape: Any, options: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    by_option = {f"--{xform_name(member, '-')}": member for member in shape.members}
    for option, value in options.items():
        if option in by_option:
            yield by_option[option], value or True
        else:
            yield by_option[option.replace("--no-", "--", 1)], False


def _value(shape: Any, value: Any) -> Any:
    """The value of an option in the CLI's shorthand: `a=b,c=d` of a structure."""
    if shape.type_name != "structure":
        return value
    pairs = dict(pair.split("=", 1) for pair in value.split(","))
    return {
        name: text == "true" if shape.members[name].type_name == "boolean" else text for name, text in pairs.items()
    }


@pytest.fixture(scope="module")
def dynamodb(bare_sandbox: Sandbox) -> Any:
    """With the hub's tables, protected, as CloudFormation makes them from their template."""
    # Here, so that only the worker that has these tests starts the CDK.
    import aws_cdk as cdk  # noqa: PLC0415
    from aws_cdk import assertions  # noqa: PLC0415
    from aws_cdk import aws_kms as kms  # noqa: PLC0415

    from stacks.workflow.tables import Tables  # noqa: PLC0415

    stack = cdk.Stack(cdk.App(), "tables", env=cdk.Environment(account=HUB, region="us-east-1"))
    Tables(stack, key=kms.Key(stack, "Key"), protected=True)
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    stacks = bare_sandbox.client("cloudformation")
    stacks.create_stack(StackName="tables", TemplateBody=json.dumps({"Resources": resources}))
    eventually(lambda: stacks.describe_stacks(StackName="tables")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    yield bare_sandbox.client("dynamodb")


@pytest.fixture
def shell(dynamodb: Any) -> Shell:
    return Shell({"dynamodb": dynamodb})


def put(dynamodb: Any, key: str, outcome: str) -> None:
    names = {"stage": key, "record_key": key, "outcome": outcome}
    dynamodb.put_item(TableName=TABLE, Item={name: {"S": text} for name, text in names.items()})


def outcomes(dynamodb: Any) -> dict[str, str]:
    return {item["stage"]["S"]: item["outcome"]["S"] for item in dynamodb.scan(TableName=TABLE)["Items"]}


def test_the_commands_restore_a_table_to_a_point_in_time_under_its_name(dynamodb: Any, shell: Shell) -> None:
    put(dynamodb, "kept", "Promoted")
    put(dynamodb, "deleted", "Promoted")
    time.sleep(1)  # a time in a request has no fractions
    before, description = datetime.now(UTC), dynamodb.describe_table(TableName=TABLE)["Table"]
    time.sleep(1)
    put(dynamodb, "kept", "Aborted")
    put(dynamodb, "added", "Promoted")
    dynamodb.delete_item(TableName=TABLE, Key={"stage": {"S": "deleted"}, "record_key": {"S": "deleted"}})

    shell.run(RESTORE.replace(TIME, before.strftime("%Y-%m-%dT%H:%M:%SZ")))
    shell.run(REPLACE)
    shell.run(PROTECT)

    assert outcomes(dynamodb) == {"kept": "Promoted", "deleted": "Promoted"}
    restored = dynamodb.describe_table(TableName=TABLE)["Table"]
    kept = ("TableArn", "KeySchema", "SSEDescription", "BillingModeSummary", "DeletionProtectionEnabled")
    for part in kept:
        assert restored[part] == description[part]
    backups = dynamodb.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert f"{TABLE}-restored" not in dynamodb.list_tables()["TableNames"]


def test_a_deleted_table_comes_back_from_the_backup_that_dynamodb_made(dynamodb: Any, shell: Shell) -> None:
    put(dynamodb, "last", "Promoted")
    expected = outcomes(dynamodb)
    shell.run("\n".join(RESTORE.splitlines()[:3]))
    dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=TABLE)
    (*_, backup) = shell.call(FIND_DELETED)["BackupSummaries"]
    shell.variables["backup"] = backup["BackupArn"]
    commands = REPLACE.replace("\\\n", " ").splitlines()
    shell.run("\n".join(commands[3:-1]))
    assert outcomes(dynamodb) == expected


def test_a_protected_table_is_not_deleted_by_the_commands_alone(dynamodb: Any, shell: Shell) -> None:
    shell.variables["table"] = resource_names.ENDPOINTS_TABLE
    protection, deletion, *_ = REPLACE.splitlines()
    with pytest.raises(ClientError, match="protected against deletion"):
        shell.run(deletion)
    shell.run(f"{protection}\n{deletion}")
