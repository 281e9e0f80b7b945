"""Each mistake is reported with the line of promotion.yaml that it is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.config.load import load
from stacks.config.schema import ConfigurationError

TEXT = """\
hub: { account: "111111111111", region: here }
environments:
  dev: { account: "222222222222", region: us-east-1, buckets: [models, "s3://x"] }
  dev.2: { account: "222222222222", region: us-east-1 }
  qa:
    account: "222222222222"
applications:
  reviews:
    model_package_group: reviews
    stages:
      qa:
      blue:
        from: dev
        environment: qa
        endpoint: e
        arns:
          "arn:aws:lambda:us-east-1:222222222222:function:x": arn
        variants:
          - { name: A, instance_type: ml.m5.large, initial_instance_count: 1 }
          - name: A
            instance_type: ml.m5.large
            initial_instance_count: 0
      green: &twin
        from: dev
        environment: qa
        endpoint: twin
        deadline: 9h
        variants: [{ name: A, instance_type: ml.m5.large, initial_instance_count: 1 }]
      red:
        from: dev
        environment: qa
        endpoint: red
        variants: [{ name: A, instance_type: ml.m5.large, initial_instance_count: 1 }]
        async_inference:
          s3_output_path: s3://answers
          s3_failure_path: s3://promote-qa-333333333333-us-east-1/artifacts
      black: *twin
"""


def report(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "promotion.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as message:
        load(file)
    return [line.strip() for line in str(message.value).splitlines()[1:]]


def test_each_mistake_has_the_line_of_its_field(tmp_path: Path) -> None:
    stages = "applications.reviews.stages"
    lines = {
        line.partition(": ")[2].partition(": ")[0]: line.partition(": ")[0].replace(
            f"{tmp_path}/promotion.yaml:", "line "
        )
        for line in report(tmp_path, TEXT)
    }
    assert lines == {
        "hub.region": "line 1",
        "environments.dev.buckets.1": "line 3",
        "environments.dev.2": "line 4",
        "environments.qa.region": "line 5",  # missing: the line of what lacks it
        f"{stages}.qa": "line 11",
        f"{stages}.blue.arns.arn:aws:lambda:us-east-1:222222222222:function:x": "line 17",
        f"{stages}.blue.variants.1.initial_instance_count": "line 22",
        f"{stages}.green.deadline": "line 27",
        f"{stages}.red.async_inference.s3_failure_path": "line 36",
        f"{stages}.black.endpoint": "line 26",
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "7\n"])
def test_what_is_no_mapping_is_reported_on_the_first_line(tmp_path: Path, text: str) -> None:
    (mistake,) = report(tmp_path, text)
    assert mistake.startswith(f"{tmp_path}/promotion.yaml:1: the file: must be a mapping")


def test_a_file_that_contains_itself_is_reported(tmp_path: Path) -> None:
    (mistake,) = report(tmp_path, "hub: &hub\n  account: *hub\n")
    assert mistake.endswith("promotion.yaml:1: what the anchor here names contains itself; write it without")
