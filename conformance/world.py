"""What checks work with: clients of one run, and resources that are made when the first check needs them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from conformance.guard import PREFIX
from conformance.outcomes import CannotRun


class Asked(Protocol):
    """An account, or what stands for one in a test."""

    @property
    def profile(self) -> str: ...

    @property
    def number(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def partition(self) -> str: ...

    @property
    def is_aws(self) -> bool: ...

    @property
    def settle_seconds(self) -> float: ...

    def client(self, service: str, run: str, credentials: Any = None, *, region: str | None = None) -> Any: ...

    def unguarded(self, service: str) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What several checks share. `make` returns the values that stand for it in requests, by name."""

    creates: str
    make: Callable[[World], Mapping[str, str]]
    needs: tuple[str, ...] = ()
    dollars: float = 0.0


@dataclass
class World:
    """One run in one account."""

    account: Asked
    run: str
    resources: Mapping[str, Resource]
    _made: dict[str, Mapping[str, str] | CannotRun] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=itertools.count)

    @property
    def prefix(self) -> str:
        """What every name begins with; without a hyphen at its end."""
        return f"{PREFIX}{self.run}"

    def name(self) -> str:
        """Return a name that nothing else has, of at most 35 characters."""
        return f"{self.prefix}-n{next(iter(self._numbers))}"

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.account.client(service, self.run)
        return self._clients[service]

    def need(self, name: str) -> Mapping[str, str]:
        """Make a resource and what it needs, unless it exists. Raises CannotRun, also for every later check."""
        if name not in self._made:
            try:
                for other in self.resources[name].needs:
                    self.need(other)
                self._made[name] = self.resources[name].make(self)
            except (ClientError, BotoCoreError) as error:
                self._made[name] = CannotRun(f"{self.resources[name].creates} could not be created: {error}")
            except CannotRun as error:
                self._made[name] = error
        made = self._made[name]
        if isinstance(made, CannotRun):
            raise made
        return made

    def values(self, needs: Iterable[str] = ()) -> dict[str, str]:
        """Return what stands in requests for names: the run's, a new one, and those of the resources."""
        values = {
            "run": self.prefix,
            "name": self.name(),
            "account": self.account.number,
            "region": self.account.region,
            "partition": self.account.partition,
        }
        for need in needs:
            values |= self.need(need)
        return values
