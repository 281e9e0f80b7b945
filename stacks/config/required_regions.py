"""The Regions that an account needs for the copies into a target in another Region. Pure."""

from __future__ import annotations

from lambdas.promotion.aws import aws_regions
from stacks.config.topology import Configuration


def to_enable(configuration: Configuration, source: str, target: str) -> str | None:
    """Return the target's Region if the source's account may lack it: S3 copies between Regions that both have.

    (API: CopyObject.) An account that the configuration uses in the Region has it.
    """
    environments, hub = configuration.environments, configuration.hub
    account, region = environments[source].account, environments[target].region
    in_use = {(hub.account, hub.region), *((used.account, used.region) for used in environments.values())}
    return None if (account, region) in in_use or not aws_regions.must_be_enabled(region) else region
