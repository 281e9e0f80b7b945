"""A plugin of pytest that points the tests of the emulator patches at the account of a conformance run.

All their accounts are then the same one. What a test creates has the run's name, or the test fails before the call.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conformance.account import Account
from conformance.guard import PREFIX
from conformance.patches.patch_tests import PROFILE, REGION, REPORT, RUN, selected

_ASSUME_SECONDS = 60.0


class AccountAsSandbox:
    """What the tests use of a sandbox, in one account."""

    def __init__(self, account: Account, run: str) -> None:
        self._account = account
        self._run = run
        self._clients: dict[tuple[str, str | None], Any] = {}
        self.directory = Path("account")
        self.region = account.region

    @property
    def accounts(self) -> Mapping[str, str]:
        return {"hub": self._account.number}

    def client(
        self, service: str, account: str | None = None, credentials: Any = None, *, region: str | None = None, **_: Any
    ) -> Any:
        if credentials:
            return self._account.client(service, self._run, credentials, region=region)
        if (service, region) not in self._clients:
            self._clients[service, region] = self._account.client(service, self._run, region=region)
        return self._clients[service, region]

    def assume(self, role_arn: str, *, by: str | None = None, **options: Any) -> Mapping[str, Any]:
        """Credentials of a role, once it and its policies hold everywhere."""
        deadline = time.monotonic() + _ASSUME_SECONDS
        while True:
            try:
                answer = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="sandbox", **options)
            except ClientError:
                if not self._account.is_aws or time.monotonic() > deadline:
                    raise
                time.sleep(3)
            else:
                time.sleep(self._account.settle_seconds)
                credentials: Mapping[str, Any] = answer["Credentials"]
                return credentials


class Plugin:
    """The fixtures of the account, in place of those of two servers."""

    def __init__(self, account: Account, run: str, report: Path) -> None:
        self._values = {"bare_sandbox": AccountAsSandbox(account, run)}
        self._prefix = f"{PREFIX}{run}-p"
        self._numbers = itertools.count()
        self._report = report

    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any], request: Any) -> object | None:
        value = self._values.get(fixturedef.argname)
        if fixturedef.argname == "name":
            value = f"{self._prefix}{next(self._numbers)}"  # type: ignore[assignment]
        if value is not None:
            fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
        return value

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        line = _line(item, report)
        if line:
            with self._report.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return report


def pytest_configure(config: pytest.Config) -> None:
    # The names of accounts are read when the tests are imported, after this.
    from tests.sandbox.aws import builders  # noqa: PLC0415

    account = Account.of_profile(os.environ[PROFILE], os.environ[REGION])
    builders.HUB = builders.DEV = builders.QA = account.number
    config.pluginmanager.register(Plugin(account, os.environ[RUN], Path(os.environ[REPORT])))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot ask an account."""
    others = [item for item in items if not selected(item.name, item.path.name)]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)


def _line(item: pytest.Item, report: Any) -> Mapping[str, str] | None:
    """What came of a test: of its call, or of a set-up that failed."""
    if report.when != "call" and report.outcome == "passed":
        return None
    text = str(report.longrepr.reprcrash.message) if hasattr(report.longrepr, "reprcrash") else str(report.longrepr)
    return {
        "test": f"{item.path.name}::{item.name}",
        "when": report.when,
        "outcome": report.outcome,
        "message": "" if report.outcome == "passed" else text,
    }
