"""The patches by name, and how they are applied. Nothing of MiniStack is imported before that."""

import argparse
import ast
import importlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent
ALL = "all"
WITHOUT_HELP = "leave out a patch of MiniStack, or all of them (may be repeated)"
# The patches replace functions that upstream may rename: another version has to be examined first.
MINISTACK = "1.5.33"


class UnknownPatch(Exception):
    """A patch that is to be left out does not exist."""


class UnsupportedMinistack(Exception):
    """The patches were written for another version of MiniStack."""


@dataclass(frozen=True)
class Patch:
    """A module of this package that has a function `apply`."""

    path: str  # the folder and the module

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def service(self) -> str:
        """The part of MiniStack that it fixes, as its folder is named."""
        return re.split("[/_]", self.path)[0]

    @property
    def summary(self) -> str:
        """What AWS does, in the first sentence of the module."""
        docstring = ast.get_docstring(ast.parse((FOLDER / f"{self.path}.py").read_text())) or ""
        return re.split(r"(?<=\.)\s", " ".join(docstring.split()), maxsplit=1)[0]

    def apply(self) -> None:
        importlib.import_module(f"{__package__}.{self.path.replace('/', '.')}").apply()


# In the order in which they wrap each other: what refuses a request comes after what finds the bucket.
PATCHES = tuple(
    Patch(path)
    for path in (
        "lambda_/lambda_runtime",
        "iam/object_arns",
        "iam/condition_keys",
        "iam/expired_sessions",
        "s3/foreign_buckets",
        "s3/error_members",
        "s3/default_encryption",
        "s3/entity_tags",
        "s3/listed_checksums",
        "s3_multipart/full_object_checksums",
        "s3/conditional_copies",
        "s3_multipart/upload_tags",
        "s3_multipart/multipart_listing",
        "s3_multipart/multipart_checksums",
        "s3_multipart/upload_conflicts",
        "s3_multipart/multipart_parts",
        "s3/s3_limits",
        "kms/kms_encryption",
        "kms/key_arns",
        "s3/copied_tags",
        "s3/missing_objects",
        "s3/version_ids",
        "s3/expected_owners",
        "s3/s3_requests",
        "s3/bucket_properties",
        "events/bus_policies",
        "iam/named_principals",
        "iam/named_resources",
        "iam/policy_simulation",
        "iam/state_machine_qualifiers",
        "events/event_targets",
        "stepfunctions/workflow_roles",
        "stepfunctions/succeed_output",
        "stepfunctions/choice_conditions",
        "stepfunctions/service_errors",
        "stepfunctions/payload_limits",
        "stepfunctions/task_timeouts",
        "stepfunctions/jsonata_timeouts",
        "stepfunctions/task_tokens",
        "cloudformation/published_attributes",
        "cloudformation/state_machine_versions",
        "cloudformation/kept_tables",
        "cloudformation/taken_names",
        "dynamodb/restored_tables",
        "stepfunctions/ended_executions",
        "stepfunctions_maps/inline_maps",
        "stepfunctions/status_events",
        "stepfunctions_maps/distributed_maps",
        "stepfunctions/described_executions",
        "stepfunctions/execution_names",
        "stepfunctions/qualified_executions",
        "stepfunctions/start_requests",
        "iam/literal_wildcards",
        "ecr/image_layers",
        "ecr/image_manifests",
        "ecr/foreign_registries",
    )
)


def selected(without: Collection[str] = ()) -> list[Patch]:
    """The patches but those that are left out, by name or "all". Raises `UnknownPatch`."""
    names = {patch.name for patch in PATCHES}
    unknown = sorted(set(without) - names - {ALL})
    if unknown:
        raise UnknownPatch(
            f"the patch {unknown[0]!r} does not exist: give {ALL!r}, or one of these: {', '.join(sorted(names))}"
        )
    return [] if ALL in without else [patch for patch in PATCHES if patch.name not in without]


def patch_name(text: str) -> str:
    """A name on the command line. Raises `ArgumentTypeError`."""
    try:
        selected([text])
    except UnknownPatch as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def apply(without: Collection[str] = ()) -> None:
    """Patch MiniStack in this process, before it serves. Raises `UnknownPatch`, `UnsupportedMinistack`."""
    patches = selected(without)
    installed = version("ministack")
    if installed != MINISTACK:
        raise UnsupportedMinistack(f"MiniStack is {installed}, and the patches are for {MINISTACK}: install that one")
    for patch in patches:
        patch.apply()
