"""Which accounts the configuration names: the sandbox needs no more of it, the app validates the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.aws.layout import PROJECT
from sandbox.aws.process import SandboxFailed

DEFAULT = PROJECT / "sandbox" / "demo" / "promotion.yaml"


@dataclass(frozen=True)
class Place:
    """An account in a Region."""

    account: str
    region: str
    buckets: tuple[str, ...] = ()

    @staticmethod
    def from_json(members: dict[str, Any]) -> "Place":
        return Place(members["account"], members["region"], tuple(members["buckets"]))

    @property
    def address(self) -> str:
        return f"aws://{self.account}/{self.region}"


@dataclass(frozen=True)
class Places:
    """The hub and the environments by name, in the order of the file."""

    hub: Place
    environments: dict[str, Place]

    @property
    def all(self) -> dict[str, Place]:
        return {"hub": self.hub, **self.environments}


# Where no configuration is deployed: tests of the sandbox itself.
BARE = Places(
    Place("111111111111", "us-east-1"),
    {
        "dev": Place("222222222222", "us-east-1"),
        "qa": Place("333333333333", "us-east-1"),
        "production": Place("444444444444", "eu-west-1"),
    },
)


def read(config: Path) -> Places:
    """The accounts of a configuration file. Raises `SandboxFailed` when it does not say them."""
    try:
        document = yaml.safe_load(config.read_text())
        return Places(_place(document["hub"]), {name: _place(one) for name, one in document["environments"].items()})
    except (OSError, yaml.YAMLError) as problem:
        raise SandboxFailed(f"the configuration cannot be read: {problem}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise SandboxFailed(f"{config}: the hub and each environment need an account and a region") from problem


def _place(entry: dict[str, Any]) -> Place:
    return Place(str(entry["account"]), entry["region"], tuple(entry.get("buckets", ())))
