"""`make conformance` runs against the sandbox as if it were AWS, and leaves nothing in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance import __main__ as command
from sandbox.aws.control import Sandbox

ACCOUNT = "555555555555"
# Two of S3, two that need a table, one that needs nothing.
SOME = ("ListObjectsV2/empty", "HeadObject/missing-key", ":dynamodb/PutItem", "DescribeModel/missing-model")


@pytest.fixture
def profile(bare_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile as a user has one, of an account in the sandbox with nothing in it."""
    config = tmp_path / "config"
    config.write_text(
        f"[profile empty]\nregion = us-east-1\nendpoint_url = {bare_sandbox.endpoint_url}\n"
        f"ca_bundle = {bare_sandbox.ca_bundle}\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = x\n"
    )
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return "empty"


def test_recordings_are_replayed_and_nothing_is_left(bare_sandbox: Sandbox, profile: str, tmp_path: Path) -> None:
    only = [argument for name in SOME for argument in ("--only", name)]
    assert command.main(["--profile", profile, "--yes", "--out", str(tmp_path / "out"), *only]) == command.SAME
    (file,) = (tmp_path / "out").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["verdict"] for line in lines if line["kind"] == "check"] == ["same"] * 5
    assert (lines[0]["endpoint"], lines[-1]["left"]) == ("another endpoint", [])
    assert ACCOUNT not in file.read_text()
    buckets = bare_sandbox.client("s3", ACCOUNT).list_buckets()["Buckets"]
    assert (buckets, bare_sandbox.client("dynamodb", ACCOUNT).list_tables()["TableNames"]) == ([], [])
