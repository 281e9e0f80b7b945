"""What `cdk deploy` would deploy: the synthesised templates, of which the benchmark reads all that AWS would run."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.promotion import idle_month
from benchmarks.promotion.idle_month import Resources
from benchmarks.promotion.lambdas import Function
from benchmarks.promotion.published import MonthlyPrices, Prices
from benchmarks.promotion.services.events import Subscription, subscriptions
from benchmarks.promotion.world import HUB, REGION, STAGE
from benchmarks.stored import PROJECT

CONFIGURATION = PROJECT / "sandbox" / "demo" / "promotion.yaml"


@dataclass(frozen=True)
class Deployed:
    """The hub: its state machine's definition, its functions by name, its resources, and the deployed settings (JSON).

    `bundle`: the folder that Lambda unpacks.
    """

    definition: dict[str, Any]
    functions: Mapping[str, Function]
    subscriptions: list[Subscription]
    resources: Resources
    target: Resources
    settings: str
    bundle: Path

    @property
    def tables(self) -> dict[str, list[str]]:
        """The names of the hub's tables, with those of their keys."""
        tables = [each["Properties"] for each in self.resources.values() if each["Type"] == "AWS::DynamoDB::Table"]
        return {table["TableName"]: [key["AttributeName"] for key in table["KeySchema"]] for table in tables}

    @property
    def handlers(self) -> list[str]:
        """The handlers of the functions that the definition runs, or that hear of an endpoint."""
        text, hear = json.dumps(self.definition), {subscription.function for subscription in self.subscriptions}
        return [
            each.handler for each in self.functions.values() if f':function:{each.name}"' in text or each.name in hear
        ]


def synthesised() -> Deployed:
    """Synthesise the app with the demo's promotion.yaml, as the tests do."""
    os.environ["JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION"] = "1"
    import aws_cdk as cdk  # noqa: PLC0415 - it starts a process of Node

    import app as promote  # noqa: PLC0415
    from lambdas.promotion.contract import resource_names  # noqa: PLC0415
    from stacks.config.load import load  # noqa: PLC0415
    from stacks.hub import bundle  # noqa: PLC0415

    settings = load(CONFIGURATION)
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, context=json.loads((PROJECT / "cdk.json").read_text())["context"])
        promote.build(app, CONFIGURATION)
        app.synth()
        resources = _resources(Path(folder), resource_names.hub_stack())
        target = _resources(Path(folder), resource_names.environment_stack(STAGE))
    return Deployed(
        definition=definition_of(resources),
        functions=functions_of(resources),
        subscriptions=subscriptions(target, resources),
        resources=resources,
        target=target,
        settings=settings.deployed().to_json(),
        bundle=bundle.build(settings.deployed()),
    )


def _resources(folder: Path, stack: str) -> Resources:
    resources: Resources = json.loads((folder / f"{stack}.template.json").read_text())["Resources"]
    return resources


def facts_of(resources: Resources, target: Resources) -> dict[str, Any]:
    """Return what the benchmark reads of the templates of hub and target, to see whether it has changed."""
    return {
        "definition": definition_of(resources),
        "functions": [asdict(function) for function in functions_of(resources).values()],
        "subscriptions": [asdict(subscription) for subscription in subscriptions(target, resources)],
        "prices": idle_month.bill(resources, MonthlyPrices(), Prices()),
    }


def definition_of(resources: Resources, account: str = HUB, region: str = REGION) -> dict[str, Any]:
    """Return the state machine's definition, with CloudFormation's references resolved."""
    machines = [each for each in resources.values() if each["Type"] == "AWS::StepFunctions::StateMachine"]
    parts = machines[0]["Properties"]["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else _text_of(part, resources, account, region) for part in parts)
    definition: dict[str, Any] = json.loads(text)
    return definition


def _text_of(reference: dict[str, Any], resources: Resources, account: str, region: str) -> str:
    """Return what CloudFormation puts in a reference's place: a name, or an ARN."""
    if reference.get("Ref") == "AWS::Partition":
        return "aws"
    logical_id = reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0]
    resource = resources[logical_id]
    properties = resource["Properties"]
    match resource["Type"]:
        case "AWS::Lambda::Function":
            return f"arn:aws:lambda:{region}:{account}:function:{properties['FunctionName']}"
        case "AWS::Lambda::Version":
            return _text_of(properties["FunctionName"], resources, account, region)
        case "AWS::SNS::Topic":
            return f"arn:aws:sns:{region}:{account}:{properties['TopicName']}"
        case "AWS::DynamoDB::Table":
            return str(properties["TableName"])
        case "AWS::S3::Bucket":
            return str(properties["BucketName"])
    raise NotImplementedError(f"The definition refers to {logical_id}, a {resource['Type']}. Add it to {__name__}.")


def functions_of(resources: Resources) -> dict[str, Function]:
    """Return the functions of the steps and jobs, by name."""
    functions = [
        Function(
            name=properties["FunctionName"],
            handler=properties["Handler"],
            memory=properties["MemorySize"],
            timeout=properties["Timeout"],
        )
        for properties in (each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Function")
        if "FunctionName" in properties
    ]
    return {function.name: function for function in functions}
