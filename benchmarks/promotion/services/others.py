"""Services of which a promotion asks a question or two: each operation's answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.promotion.services.wire import Call, access_key

_MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": f"sha256:{'1' * 64}"}, "layers": []})
# What the demo's smoke test expects.
_LABEL = b'{"label": "positive", "probability": 0.9}'
DIGEST = f"sha256:{'0' * 64}"


def _assume_role(call: Call) -> Any:
    account = call.parameters["RoleArn"].split(":")[4]
    credentials = {
        "AccessKeyId": access_key(account),
        "SecretAccessKey": "nothing",
        "SessionToken": "none",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    return {"Credentials": credentials}


def _allow_all(call: Call) -> Any:
    actions = [value for name, value in call.parameters.items() if name.startswith("ActionNames.")]
    return {"EvaluationResults": [{"EvalActionName": action, "EvalDecision": "allowed"} for action in actions]}


def _image(call: Call) -> Any:
    image = {
        "registryId": call.parameters.get("registryId", call.account),
        "repositoryName": call.parameters["repositoryName"],
        "imageId": {"imageDigest": DIGEST},
        "imageManifest": _MANIFEST,
        "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
    }
    return {"images": [image], "failures": []}


def _quota(call: Call) -> Any:
    from lambdas.promotion.preflight import quota_codes  # noqa: PLC0415 - the names of the quotas, by their codes

    names = {code: quota_codes.quota_name(kind) for kind, code in quota_codes.CODES.items()}
    code = call.parameters["QuotaCode"]
    return {"Quota": {"QuotaCode": code, "QuotaName": names[code], "Value": 20.0}}


ANSWERS: Mapping[tuple[str, str], Callable[[Call], Any]] = {
    ("sts", "AssumeRole"): _assume_role,
    ("sts", "GetCallerIdentity"): lambda call: {
        "Account": call.account,
        "Arn": f"arn:aws:sts::{call.account}:assumed-role/deployer/script",
        "UserId": "AROA",
    },
    ("iam", "SimulatePrincipalPolicy"): _allow_all,
    ("ecr", "BatchGetImage"): _image,
    ("kms", "DescribeKey"): lambda call: {
        "KeyMetadata": {
            "KeyId": "key",
            "Arn": f"arn:aws:kms:us-east-1:{call.account}:key/key",
            "KeyState": "Enabled",
        }
    },
    ("service-quotas", "GetServiceQuota"): _quota,
    ("application-autoscaling", "DescribeScalableTargets"): lambda call: {"ScalableTargets": []},
    ("stepfunctions", "DescribeExecution"): lambda call: {
        "executionArn": call.parameters["executionArn"],
        "stateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:promote",
        "name": "promotion",
        "status": "RUNNING",
        "startDate": 1_800_000_000,
    },
    ("sns", "Publish"): lambda call: {"MessageId": "00000000-0000-0000-0000-000000000000"},
    ("sagemaker-runtime", "InvokeEndpoint"): lambda call: _LABEL,
}
