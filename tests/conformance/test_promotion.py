"""The promotion: what must be true before, and that nothing but a run's own stacks is deleted after it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.outcomes import NotPrepared
from conformance.promotion import leftovers, stacks
from conformance.promotion.check import LABEL
from stacks.config.load import load
from tests.conformance.builders import FakeAccount, error

RUN = "abc123"
OWN = {"Key": "promote-conformance", "Value": RUN}


class Fake:
    """A client whose operations are given: answers, errors, or functions. It notes its calls."""

    def __init__(self, **operations: Any) -> None:
        self.operations = operations
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self.operations:
            raise AttributeError(name)

        def call(**parameters: Any) -> Any:
            self.calls.append(name)
            answer = self.operations[name]
            if callable(answer):
                answer = answer(**parameters)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def can_paginate(self, _: str) -> bool:
        return False


def cloudformation(existing: dict[str, list[dict[str, str]]]) -> Fake:
    """Stacks by name, each with its tags."""

    def describe(*, StackName: str) -> Any:  # noqa: N803 - the API's name
        if StackName not in existing:
            return error("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Tags": existing[StackName]}]}

    return Fake(describe_stacks=describe)


BOOTSTRAPPED = Fake(get_parameter={"Parameter": {"Value": "25"}})


def prepared(ssm: Fake, existing: dict[str, list[dict[str, str]]]) -> None:
    account = FakeAccount({"ssm": ssm, "cloudformation": cloudformation(existing)})
    stacks.require_prepared(account, account.number, account.region)


def test_an_account_without_bootstrap_is_refused_with_the_command() -> None:
    with pytest.raises(NotPrepared, match="cdk bootstrap aws://111122223333/eu-west-1"):
        prepared(Fake(get_parameter=error("ParameterNotFound")), {})


def test_an_account_with_promote_is_refused() -> None:
    with pytest.raises(NotPrepared, match=r"Promote is deployed here \(promote-hub\)"):
        prepared(BOOTSTRAPPED, {"promote-hub": []})


def test_an_empty_account_is_not_refused() -> None:
    prepared(BOOTSTRAPPED, {"another-stack": []})


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "promotion.yaml"
    document = stacks.configuration(
        "111122223333", "eu-west-1", application=f"promote-conformance-{RUN}", bucket="a-bucket", label=LABEL
    )
    file.write_text(json.dumps(document))
    assert load(file).deployment_order() == [stacks.SOURCE, stacks.TARGET]


def test_only_stacks_with_the_run_s_tag_are_its_own() -> None:
    existing = {"promote-hub": [OWN], "promote-dev": [{"Key": "team", "Value": RUN}], "promote-qa": [OWN]}
    account = FakeAccount({"cloudformation": cloudformation(existing)})
    assert [leftover.name for leftover in leftovers.stacks_of_run(account, RUN)] == ["promote-qa", "promote-hub"]
    assert list(leftovers.stacks_of_run(account, "other1")) == []


def test_only_what_is_kept_with_the_run_s_tag_is_its_own() -> None:
    tags = {"promote-hub-1": [OWN], "promote-records": [], "models": [OWN]}
    account = FakeAccount(
        {
            "s3": Fake(
                list_buckets={"Buckets": [{"Name": name} for name in tags]},
                get_bucket_tagging=lambda Bucket: {"TagSet": tags[Bucket]},  # noqa: N803 - the API's name
            ),
            "iam": Fake(
                list_roles={"Roles": [{"RoleName": name} for name in tags]},
                list_role_tags=lambda RoleName: {"Tags": tags[RoleName]},  # noqa: N803 - the API's name
            ),
            "dynamodb": Fake(
                list_tables={"TableNames": list(tags)},
                describe_table=lambda TableName: {"Table": {"TableArn": TableName}},  # noqa: N803 - the API's name
                list_tags_of_resource=lambda ResourceArn: {"Tags": tags[ResourceArn]},  # noqa: N803 - the API's name
            ),
        }
    )
    for look in (leftovers.kept_buckets, leftovers.kept_roles, leftovers.kept_tables):
        assert [leftover.name for leftover in look(account, RUN)] == ["promote-hub-1"]


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a run with a cloud assembly of two files."""
    folder = tmp_path / RUN / "cdk.out"
    folder.mkdir(parents=True)
    (folder.parent / "promotion.yaml").write_text("{}")
    files = {key: {"destinations": {"here": {"bucketName": "assets", "objectKey": key}}} for key in ("old", "new")}
    (folder / "promote-hub.assets.json").write_text(json.dumps({"files": files}))
    monkeypatch.setattr(leftovers, "FOLDER", tmp_path)
    yield folder


def test_only_what_the_run_itself_uploaded_to_the_cdk_s_bucket_is_deleted(assembly: Path) -> None:
    began = datetime.now(UTC)
    os.utime(assembly.parent / "promotion.yaml", (began.timestamp(), began.timestamp()))
    modified = {"old": began - timedelta(days=1), "new": began + timedelta(seconds=30)}
    deleted: list[dict[str, str]] = []
    s3 = Fake(
        head_object=lambda Bucket, Key: {"LastModified": modified[Key], "VersionId": "v1"},  # noqa: N803 - the API's names
        delete_object=lambda **parameters: deleted.append(parameters),
    )
    for leftover in leftovers.assets(FakeAccount({"s3": s3}), RUN):
        assert leftover.delete
        leftover.delete()
    assert deleted == [{"Bucket": "assets", "Key": "new", "VersionId": "v1"}]
