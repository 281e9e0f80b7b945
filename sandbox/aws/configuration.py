"""Which accounts the configuration names: the sandbox needs no more of it, the app validates the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.aws.layout import PROJECT
from sandbox.aws.process import SandboxFailed

DEFAULT = PROJECT / "sandbox" / "demo" / "promotion.yaml"


@dataclass(frozen=True)
class AccountRegion:
    """An account in a Region."""

    account: str
    region: str
    buckets: tuple[str, ...] = ()

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "AccountRegion":
        return AccountRegion(fields["account"], fields["region"], tuple(fields["buckets"]))

    @property
    def cdk_environment(self) -> str:
        return f"aws://{self.account}/{self.region}"


@dataclass(frozen=True)
class Locations:
    """The hub and the environments by name, in the order of the file."""

    hub: AccountRegion
    environments: dict[str, AccountRegion]

    @property
    def all(self) -> dict[str, AccountRegion]:
        return {"hub": self.hub, **self.environments}


# Where no configuration is deployed: tests of the sandbox itself.
DEFAULT_LOCATIONS = Locations(
    AccountRegion("111111111111", "us-east-1"),
    {
        "dev": AccountRegion("222222222222", "us-east-1"),
        "qa": AccountRegion("333333333333", "us-east-1"),
        "production": AccountRegion("444444444444", "eu-west-1"),
    },
)


def read(config: Path) -> Locations:
    """The accounts of a configuration file. Raises `SandboxFailed` when it does not say them."""
    try:
        document = yaml.safe_load(config.read_text())
        return Locations(
            _location(document["hub"]), {name: _location(one) for name, one in document["environments"].items()}
        )
    except (OSError, yaml.YAMLError) as problem:
        raise SandboxFailed(f"the configuration cannot be read: {problem}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise SandboxFailed(f"{config}: the hub and each environment need an account and a region") from problem


def _location(entry: dict[str, Any]) -> AccountRegion:
    return AccountRegion(str(entry["account"]), entry["region"], tuple(entry.get("buckets", ())))
