"""When an environment of a function ends: it has had nothing to do for a while; one that a burst has left, sooner."""

from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import lambda_runtime

from sandbox.aws.lambda_environments import idle_environments
from sandbox.aws.lambda_environments.idle_environments import IDLE_SECONDS, SURPLUS_SECONDS

NOW = 1_000_000.0


def environment(idle: float, *, in_use: bool = False) -> Any:
    return SimpleNamespace(last_used=NOW - idle, in_use=in_use)


@pytest.mark.parametrize(
    ("environments", "ended"),
    [
        ([environment(IDLE_SECONDS - 1)], []),
        ([environment(IDLE_SECONDS + 1)], [0]),
        ([environment(IDLE_SECONDS + 1, in_use=True)], []),
        ([environment(0), environment(SURPLUS_SECONDS + 1), environment(SURPLUS_SECONDS - 1)], [1]),
        ([environment(0), environment(SURPLUS_SECONDS + 1, in_use=True)], []),
    ],
)
def test_an_environment_ends_when_it_is_idle(
    environments: list[Any], ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[Any] = []
    workers = {"function": list(environments)}
    monkeypatch.setattr(lambda_runtime, "_workers", workers)
    monkeypatch.setattr(lambda_runtime, "kill_workers", killed.extend)
    idle_environments._end_idle(NOW)
    assert killed == [environments[number] for number in ended]
    left = [each for each in environments if each not in killed]
    assert workers == ({"function": left} if left else {})
