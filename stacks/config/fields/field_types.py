"""The kinds of text and numbers in promotion.yaml, each with what it means to the person who writes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from annotated_types import GroupedMetadata
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from lambdas.promotion.contract import sagemaker_limits
from stacks.config.fields import aws_names

# What a pattern means, for messages and for the reference.
EXPLANATIONS: dict[str, str] = {}


@dataclass(frozen=True)
class _Text(GroupedMetadata):
    """A text of a pattern. A number is refused with the pattern: as text, it may still be the wrong one."""

    pattern: str
    longest: int | None

    def __iter__(self) -> Iterator[object]:
        yield StringConstraints(pattern=self.pattern, max_length=self.longest)
        yield BeforeValidator(self._refuse_number)

    def _refuse_number(self, value: object) -> object:
        if isinstance(value, bool | int | float):
            raise PydanticCustomError("number_for_text", "must be text", {"pattern": self.pattern})
        return value


def text(pattern: str, meaning: str, *, longest: int | None = None) -> GroupedMetadata:
    EXPLANATIONS[pattern] = meaning
    return _Text(pattern, longest)


def _few_bytes(text: str) -> str:
    size = len(text.encode())
    if size > sagemaker_limits.MOST_BYTES:
        raise ValueError(f"must have at most {sagemaker_limits.MOST_BYTES} bytes, as SageMaker requires, not {size}")
    return text


def duration_between(shortest: int, longest: int) -> AfterValidator:
    """A duration must lie between these, in seconds."""

    def check(duration: str) -> str:
        if not shortest <= seconds(duration) <= longest:
            raise ValueError(f"must be from {shortest}s to {longest}s, as SageMaker requires, not {duration}")
        return duration

    return AfterValidator(check)


def integer_between(least: int, most: int | None = None) -> FieldInfo:
    """A whole number between these."""
    return cast("FieldInfo", Field(ge=least, le=most, strict=True))


_LABEL = r"^[a-z][a-z0-9-]*[a-z0-9]$"
_LABEL_MEANING = "at least two small letters, digits and hyphens, beginning with a letter"

Account = Annotated[str, text(r"^[0-9]{12}$", "an account's 12 digits, in quotes")]
Region = Annotated[
    str,
    text(r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$", "a Region such as us-east-1"),
    AfterValidator(aws_names.require_region),
]
# Environments are part of role and bucket names (64 and 63 characters), applications and stages of model names (63).
EnvironmentName = Annotated[str, text(_LABEL, _LABEL_MEANING, longest=20)]
ApplicationName = Annotated[str, text(_LABEL, _LABEL_MEANING, longest=40)]
StageName = Annotated[str, text(_LABEL, _LABEL_MEANING, longest=20)]
# A registry's host and a repository (API: ECR, RepositoryName), without the tag and the digest, which are kept.
ImageName = Annotated[
    str,
    text(
        r"^[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$",
        "a registry and a repository, such as 222222222222.dkr.ecr.us-east-1.amazonaws.com/my-images, without tag and "
        "digest",
    ),
]
Bucket = Annotated[str, text(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "a bucket's name, without s3://")]
KeyArn = Annotated[
    str,
    text(
        r"^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        "a key's ARN (not an alias: it must be exact)",
        longest=2048,
    ),
]
# SageMaker's own pattern (API: EndpointName, VariantName, ModelPackageGroupName).
SageMakerName = Annotated[
    str,
    text(
        r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$",
        "letters, digits and hyphens, at most 63, as SageMaker requires",
        longest=63,
    ),
]
InstanceType = Annotated[
    str,
    text(r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$", "an instance type such as ml.m5.large"),
    AfterValidator(aws_names.require_instance_type),
]
# API: AssumeRole, ExternalId.
ExternalId = Annotated[str, text(r"^[A-Za-z0-9_+=,.@:/-]{2,}$", "2 to 1224 letters, digits or _+=,.@:/-", longest=1224)]
OrganizationId = Annotated[str, text(r"^o-[a-z0-9]{10,32}$", "an organization's id such as o-abcde12345")]
PythonVersion = Annotated[str, text(r"^3\.[0-9]+$", 'a version of Python such as "3.13", in quotes')]
Flag = Annotated[bool, Field(strict=True)]
Duration = Annotated[str, text(r"^[1-9][0-9]*[smh]$", "a duration such as 90s, 30m or 2h")]
# API: EnvironmentMap, VpcSecurityGroupIds, Subnets.
VariableName = Annotated[
    str,
    text(r"^[a-zA-Z_][a-zA-Z0-9_]*$", "a variable's name: letters, digits and underscores, no digit first"),
    AfterValidator(_few_bytes),
]
VariableValue = Annotated[str, AfterValidator(_few_bytes)]
SecurityGroupId = Annotated[str, text(r"^sg-[0-9a-zA-Z-]+$", "a security group's id such as sg-0a1b2c3d", longest=32)]
SubnetId = Annotated[str, text(r"^subnet-[0-9a-zA-Z-]+$", "a subnet's id such as subnet-0a1b2c3d", longest=32)]
Arn = Annotated[
    str,
    text(r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}|aws)?:[^\s*]+$", "a whole ARN", longest=2048),
]
_S3_URI = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s*?$\\]*)?$"
_S3_URI_MEANING = "an S3 URI such as s3://bucket/prefix, without * ? $ and spaces: a role gets permissions to it"
S3Uri = Annotated[str, text(_S3_URI, _S3_URI_MEANING, longest=512)]  # API: DestinationS3Uri
BaselineUri = Annotated[str, text(_S3_URI, _S3_URI_MEANING, longest=1024)]  # API: ShapBaselineUri
TopicArn = Annotated[str, text(r"^arn:aws:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_.-]+$", "a topic's ARN", longest=2048)]
ReservationArn = Annotated[
    str, text(r"^arn:aws:sagemaker:[a-z0-9-]+:[0-9]{12}:[a-z0-9-]{1,14}/\S+$", "a reservation's ARN", longest=258)
]
# API: CsvContentType, JsonContentType.
ContentType = Annotated[
    str,
    text(r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*$", "a type such as text/csv", longest=256),
]
AlarmName = Annotated[str, text(r"^[^\r\n]*[^\s][^\r\n]*$", "an alarm's name", longest=255)]
# As Duration, and 0s for no wait at all.
Wait = Annotated[str, text(r"^(0|[1-9][0-9]*)[smh]$", "a duration such as 0s, 90s or 30m"), duration_between(0, 3600)]

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class StrictModel(BaseModel):
    """A part of the file: it has the fields that it names, and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def seconds(duration: str) -> int:
    """Return how long a duration such as 30m is."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]
