"""What the pages are compared with: the pages' text and the synthesised templates."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
import yaml

import app as promote
from tests import PROJECT

Template = dict[str, Any]


def rich(place: str) -> dict[str, Any]:
    """The members of a stage that bring rights."""
    bucket, key, topic = "s3://ours", f"arn:aws:kms:{place}:key/1", f"arn:aws:sns:{place}:answers"
    variant = {"name": "A", "instance_type": "ml.m5.large", "initial_instance_count": 1, "enable_ssm_access": True}
    return {
        "vpc": {"security_group_ids": ["sg-0123456789abcdef0"], "subnets": ["subnet-0123456789abcdef0"]},
        "variants": [variant],
        "volume_key": key,
        "async_inference": {
            "s3_output_path": bucket,
            "s3_input_path": bucket,
            "kms_key_id": key,
            "success_topic": topic,
        },
        "explainer": {"shap": {"shap_baseline_uri": f"{bucket}/baseline.csv"}},
        "rollout": {"alarms": ["errors"]},
    }


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The template of each stack of promotion.yaml by the stack's name, with what brings rights of its own."""
    out = tmp_path_factory.mktemp("cdk.out")
    config = yaml.safe_load((PROJECT / "promotion.yaml").read_text())
    for application in config["applications"].values():
        application |= {"copy_images": True, "copy_tags": True, "copy_annotations": True}
        for name, stage in application["stages"].items():
            place = config["environments"][stage.get("environment", name)]
            stage.update(rich(f"{place['region']}:{place['account']}"))
        # One stage is asked at once, the others asynchronously: the invoker's rights differ.
        del next(reversed(application["stages"].values()))["async_inference"]
        for stage in application["stages"].values():
            stage["preview"] = "instance"
            stage["smoke_test"]["payload_from"] = f"s3://{stage['endpoint']}-payloads/one.csv"
            del stage["smoke_test"]["payload"]
            stage["vpc"] = {"security_group_ids": ["sg-0123456789abcdef0"], "subnets": ["subnet-0123456789abcdef0"]}
    file = out / "promotion.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    promote.build(app, file)
    app.synth()
    return {file.name.split(".")[0]: json.loads(file.read_text()) for file in out.glob("*.template.json")}
