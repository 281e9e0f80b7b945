"""What the references of a template become: the longest text that each can resolve to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.limits.table import NAMES

# What CloudFormation appends to a name that it makes, with its hyphens (AWS: CloudFormation, Name type).
_SUFFIX = 14
_VERSION = "9" * 10
_KEY_ID = "0" * 36
_QUALIFIED = {"AWS::Lambda::Version", "AWS::StepFunctions::StateMachineVersion"}
# A reference whose text is not known; no resource of ours has one.
UNKNOWN = "?" * 256
_ARNS = {
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{bus}{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_ARN_BY_REF = {"AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}


@dataclass(frozen=True)
class Resolver:
    """Resolves the references of a stack's template, which is for one account and Region."""

    stack: str
    account: str
    region: str
    template: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:
        """Return a part of the template with the longest text in place of each reference."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self.resolve(below) for key, below in value.items()}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                text: Any = self._ref(argument)
            case "Fn::GetAtt":
                logical_id, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                text = self._attribute(logical_id, attribute)
            case "Fn::Join":
                text = argument[0].join(map(str, self.resolve(argument[1])))
            case "Fn::Sub":
                text = self._substituted(argument)
            case "Fn::Split":
                text = str(self.resolve(argument[1])).split(argument[0])
            case "Fn::Select":
                parts = dict(enumerate(self.resolve(argument[1])))
                text = parts.get(int(argument[0]), UNKNOWN)
            case "Fn::If":
                text = max(map(self.resolve, argument[1:]), key=lambda branch: len(str(branch)))
            case _:
                text = UNKNOWN
        return text

    def _substituted(self, argument: Any) -> str:
        text, values = argument if isinstance(argument, list) else (argument, {})

        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in values:
                return str(self.resolve(values[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replacement, text)

    def _ref(self, name: str) -> str:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        kind = self._type_of(name)
        if kind in _QUALIFIED or kind in _ARN_BY_REF:
            return self._attribute(name, "Arn")
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self._name(name)}"
        return self._name(name) if kind in _ARNS else UNKNOWN

    def _attribute(self, logical_id: str, attribute: str) -> str:
        kind = self._type_of(logical_id)
        properties = self._properties(logical_id)
        if attribute == "Arn" and kind in _QUALIFIED:
            qualified = properties.get("StateMachineArn") or properties["FunctionName"]
            text = str(self.resolve(qualified))
            function = text if text.startswith("arn:") else self._arn("AWS::Lambda::Function", text)
            return f"{function}:{_VERSION}"
        if attribute == "Arn" and kind in _ARNS:
            bus = f"{self.resolve(properties['EventBusName'])}/" if properties.get("EventBusName") else ""
            return self._arn(kind, self._name(logical_id), bus)
        if attribute in {"TopicName", "QueueName"}:
            return self._name(logical_id)
        return _KEY_ID if attribute == "StateMachineRevisionId" else UNKNOWN

    def _arn(self, kind: str, name: str, bus: str = "") -> str:
        return _ARNS[kind].format(region=self.region, account=self.account, name=name, bus=bus)

    def _name(self, logical_id: str) -> str:
        """The resource's own name, or one as long as the one that CloudFormation makes."""
        kind = self._type_of(logical_id)
        if kind == "AWS::KMS::Key":
            return _KEY_ID
        named_by, limit = NAMES[kind]
        given = self._properties(logical_id).get(named_by)
        if given:
            return str(self.resolve(given))
        return f"{self.stack}-{logical_id}{'X' * _SUFFIX}"[: limit.most]

    def _type_of(self, logical_id: str) -> str:
        return str(self.template.get("Resources", {}).get(logical_id, {}).get("Type", ""))

    def _properties(self, logical_id: str) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self.template.get("Resources", {}).get(logical_id, {}).get("Properties", {})
        return properties
