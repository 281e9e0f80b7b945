"""The accounts and Regions of a sandbox, by names that its user chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AccountRegion:
    """An account in a Region."""

    account: str
    region: str

    @property
    def cdk_environment(self) -> str:
        return f"aws://{self.account}/{self.region}"


@dataclass(frozen=True)
class Locations:
    """Accounts and Regions by name. The first is where a client works that names none."""

    all: Mapping[str, AccountRegion]

    @staticmethod
    def from_json(document: Mapping[str, Mapping[str, Any]]) -> "Locations":
        return Locations({name: AccountRegion(**fields) for name, fields in document.items()})

    def to_json(self) -> dict[str, dict[str, str]]:
        return {name: vars(location) for name, location in self.all.items()}

    @property
    def default(self) -> AccountRegion:
        return next(iter(self.all.values()))

    def __getitem__(self, name: str) -> AccountRegion:
        return self.all[name]


# Every account exists in a sandbox: a location only gives one a name.
ONE_ACCOUNT = Locations({"default": AccountRegion("111111111111", "us-east-1")})
