"""Files for the tests, and what is reported of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.config.load import load
from stacks.config.schema import ConfigurationError
from stacks.config.topology import Configuration

HEAD = """\
hub: { account: "111111111111", region: us-east-1 }
environments:
  dev: { account: "222222222222", region: us-east-1, buckets: [models] }
  qa: { account: "333333333333", region: us-east-1 }
"""
APPLICATIONS = """\
applications:
  reviews:
    model_package_group: reviews
    stages:
      qa:
        from: dev
        endpoint: reviews
        variants: [{ name: A, instance_type: ml.m5.large, initial_instance_count: 1 }]
"""


def write(folder: Path, text: str, **parts: str) -> Path:
    """Write promotion.yaml and applications/<name>.yaml for each part; return the former."""
    (folder / "applications").mkdir(exist_ok=True)
    for name, part in parts.items():
        (folder / "applications" / f"{name}.yaml").write_text(part)
    file = folder / "promotion.yaml"
    file.write_text(text)
    return file


def loaded(folder: Path, text: str, **parts: str) -> Configuration:
    return load(write(folder, text, **parts))


def report(folder: Path, text: str, **parts: str) -> list[str]:
    """Return the mistakes of a file, without the folder."""
    with pytest.raises(ConfigurationError) as message:
        loaded(folder, text, **parts)
    return [line.strip().replace(f"{folder}/", "") for line in str(message.value).splitlines()[1:]]
