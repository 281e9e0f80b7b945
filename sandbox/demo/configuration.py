"""What the sandbox needs of promotion.yaml: accounts, Regions and buckets. The app validates the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.aws.layout import PROJECT
from sandbox.aws.locations import AccountRegion, Locations
from sandbox.aws.process import SandboxFailed

DEFAULT = PROJECT / "sandbox" / "demo" / "promotion.yaml"
HUB = "hub"


@dataclass(frozen=True)
class Configuration:
    """The hub and the environments, and the buckets that each environment has before the deployment."""

    locations: Locations
    buckets: dict[str, tuple[str, ...]]


def read(config: Path) -> Configuration:
    """Read a configuration file. Raises `SandboxFailed` when it does not name the accounts."""
    try:
        document = yaml.safe_load(config.read_text())
        environments = document["environments"]
        return Configuration(
            Locations({HUB: _location(document[HUB])} | {name: _location(environments[name]) for name in environments}),
            {name: tuple(fields.get("buckets", ())) for name, fields in environments.items()},
        )
    except (OSError, yaml.YAMLError) as problem:
        raise SandboxFailed(f"the configuration cannot be read: {problem}") from problem
    except (KeyError, TypeError, AttributeError) as problem:
        raise SandboxFailed(f"{config}: the hub and each environment need an account and a region") from problem


def _location(fields: dict[str, Any]) -> AccountRegion:
    return AccountRegion(str(fields["account"]), fields["region"])
