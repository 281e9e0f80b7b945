"""The templates of promotion.yaml with everything added that brings permissions, for the page of all permissions."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml

import app as promote

PROJECT = Path(__file__).parents[2]
Template = dict[str, Any]


@functools.cache
def templates() -> dict[str, Template]:
    """Return the template of each stack by the stack's name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        file = out / "promotion.yaml"
        file.write_text(yaml.safe_dump(configuration(), sort_keys=False))
        app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
        promote.build(app, file)
        app.synth()
        return {file.name.split(".")[0]: json.loads(file.read_text()) for file in out.glob("*.template.json")}


def configuration() -> dict[str, Any]:
    """Return promotion.yaml with every option that brings permissions."""
    config: dict[str, Any] = yaml.safe_load((PROJECT / "promotion.yaml").read_text())
    for application in config["applications"].values():
        application |= {"copy_images": True, "copy_tags": True, "copy_annotations": True}
        for name, stage in application["stages"].items():
            environment = config["environments"][stage.get("environment", name)]
            stage.update(_options(f"{environment['region']}:{environment['account']}"))
        # One stage answers synchronously, the others asynchronously: the invoker's permissions differ.
        del next(reversed(application["stages"].values()))["async_inference"]
        for stage in application["stages"].values():
            stage |= {"preview": "instance", "approved_only": True}
            test = {**stage["smoke_test"], "payload_from": "s3://payloads/one.csv"}
            del test["payload"]
            stage["smoke_test"] = [test]
        # The first stage has a payload of the target and one of the source.
        first = next(iter(application["stages"].values()))
        first["smoke_test"].append({**test, "payload_from": "sample"})
    return config


def _options(location: str) -> dict[str, Any]:
    """Return the options of a stage. `location`: its Region and account, as in an ARN."""
    bucket, key, topic = "s3://ours", f"arn:aws:kms:{location}:key/1", f"arn:aws:sns:{location}:answers"
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
