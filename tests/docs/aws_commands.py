"""The AWS CLI commands of the pages that the on-call follows: of each, its IAM action and the resource it names."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore import xform_name

from tests.docs import pages
from tests.unit.builders import api

PAGES = (pages.DOCS / "operations.md", *sorted((pages.DOCS / "runbooks").glob("*.md")))
REGION, HUB, ACCOUNT, ENVIRONMENT = "us-east-1", "111111111111", "333333333333", "qa"
# Where the prefix of IAM's actions is not the name that requests are signed for.
_PREFIXES = {"cloudwatch": "cloudwatch"}
# Commands whose name is not that of the operation that they call, and operations that IAM calls by another name.
_ACTIONS = {
    ("s3", "cp"): "s3:GetObject",
    ("s3api", "list-multipart-uploads"): "s3:ListBucketMultipartUploads",
    ("s3api", "abort-multipart-upload"): "s3:AbortMultipartUpload",
    ("s3api", "put-bucket-logging"): "s3:PutBucketLogging",
    ("s3api", "delete-object"): "s3:DeleteObject",
    ("logs", "tail"): "logs:FilterLogEvents",
    ("lambda", "invoke"): "lambda:InvokeFunction",
    ("sagemaker", "wait"): "sagemaker:DescribeEndpoint",
}
_EXECUTION = f"arn:aws:states:{REGION}:{HUB}:execution:promote:NAME"
# What the pages leave to the reader, or to a command before.
_VARIABLES = {
    "$execution": _EXECUTION,
    "OWNER": _EXECUTION,
    "$run": f"arn:aws:states:{REGION}:{HUB}:mapRun:promote/CopyEachWorkUnit:0d1c2b3a-1111-2222-3333-444455556666",
    "$queue": f"https://sqs.{REGION}.amazonaws.com/{HUB}/promote-hub-UndeliveredEvents0A1B2C3D-x",
}
# By the option that names the resource: its ARN. Of other commands IAM sees none that is narrower.
_NAMED_BY = {
    "--table-name": f"arn:aws:dynamodb:{REGION}:{HUB}:table/{{}}",
    "--execution-arn": "{}",
    "--map-run-arn": "{}",
    "--endpoint-name": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{{}}",
    "--repository-name": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{{}}",
    "--trail-name": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{{}}",
    "--bucket": "arn:aws:s3:::{}",
}


@dataclass(frozen=True)
class Command:
    """A command of a page. `action`: IAM's. `resource`: an ARN, or an asterisk if IAM sees none."""

    page: str
    text: str
    action: str
    resource: str

    @property
    def in_hub(self) -> bool:
        """Whether it is for the hub account: its resource is there."""
        return f":{HUB}:" in self.resource or self.resource.startswith(f"arn:aws:s3:::promote-hub-{HUB}-")


def commands() -> Iterator[Command]:
    """Yield every command, in the pages' blocks and sentences."""
    for page in PAGES:
        for text in _texts(page.read_text()):
            yield _command(page, shlex.split(text, comments=True))


def _texts(page: str) -> Iterator[str]:
    """Yield each command as it stands, from `aws` to where the shell's command ends."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    sentences = [text for text in pages.in_code_marks(" ".join(pages.without_code(page).split())) if text[:4] == "aws "]
    for text in (*blocks, *sentences):
        for match in re.finditer(r"\baws (?=[a-z0-9-]+ [a-z])", text.replace("\\\n", " ")):
            yield _until_end(text.replace("\\\n", " ")[match.start() :])


def _until_end(text: str) -> str:
    """Return a command without what follows: the end of $(…), another command, or the next line outside quotes."""
    quote, depth = "", 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")" and not depth:
            return text[:position]
        elif character == ")":
            depth -= 1
        elif character in "\n|;" and not depth:
            return text[:position]
    return text


def _command(page: Path, words: list[str]) -> Command:
    _, service, name, *arguments = words
    assert not service.startswith("-"), f"{page.name}: {words}"
    action = _ACTIONS.get((service, name)) or _action(service, name)
    if (service, name) == ("s3", "cp") and not arguments[0].startswith("s3://"):
        action = "s3:PutObject"
    return Command(page.name, " ".join(words), action, _resource(service, arguments))


def _action(service: str, name: str) -> str:
    model = api(service)
    operations = {xform_name(operation, "-"): operation for operation in model.operation_names}
    prefix = _PREFIXES.get(service, model.signing_name)
    return f"{prefix}:{operations[name]}"


def _resource(service: str, arguments: list[str]) -> str:
    options: Mapping[str, str] = {
        option: _VARIABLES.get(value, value) for option, value in itertools.pairwise(arguments)
    }
    if service == "s3":
        uri = next(argument for argument in arguments if argument.startswith("s3://"))
        return uri.replace("s3://", "arn:aws:s3:::")
    if service == "logs":
        account = HUB if arguments[0].startswith("/aws/lambda/promote-") else ACCOUNT
        return f"arn:aws:logs:{REGION}:{account}:log-group:{arguments[0]}:*"
    if service == "sqs" and "--queue-url" in options:
        return f"arn:aws:sqs:{REGION}:{HUB}:{options['--queue-url'].rpartition('/')[2]}"
    if "--stack-name" in options:
        account = HUB if options["--stack-name"] == "promote-hub" else ACCOUNT
        return f"arn:aws:cloudformation:{REGION}:{account}:stack/{options['--stack-name']}/0d1c2b3a"
    return next((arn.format(options[option]) for option, arn in _NAMED_BY.items() if option in options), "*")
