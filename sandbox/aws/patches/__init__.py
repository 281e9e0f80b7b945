"""Where MiniStack answers other than AWS, and this product would notice.

Each module mends one thing. A correction wraps what it mends and falls back on it wherever it can. Its tests run
twice, here and against MiniStack as it comes, where they must fail: when one passes, upstream has mended it, and the
correction can go.
"""

from importlib.metadata import version

from sandbox.aws.patches import listener
from sandbox.aws.patches.cloudformation import published_attributes
from sandbox.aws.patches.ecr import foreign_registries, image_layers, image_manifests
from sandbox.aws.patches.events import bus_policies, event_targets
from sandbox.aws.patches.iam import (
    condition_keys,
    literal_wildcards,
    named_principals,
    named_resources,
    object_arns,
    policy_simulation,
)
from sandbox.aws.patches.kms import kms_encryption
from sandbox.aws.patches.lambda_ import lambda_runtime
from sandbox.aws.patches.s3 import (
    bucket_properties,
    conditional_copies,
    copied_tags,
    default_encryption,
    entity_tags,
    expected_owners,
    foreign_buckets,
    missing_objects,
    s3_limits,
    s3_requests,
)
from sandbox.aws.patches.s3_multipart import (
    full_object_checksums,
    multipart_checksums,
    multipart_listing,
    multipart_parts,
    upload_tags,
)
from sandbox.aws.patches.stepfunctions import (
    distributed_maps,
    ended_executions,
    execution_names,
    payload_limits,
    status_events,
    succeed_output,
    workflow_roles,
)

# The corrections reach into functions that upstream may rename: another version needs another look.
MINISTACK = "1.5.33"

# In the order in which they wrap each other: what refuses a request comes after what finds the bucket.
PATCHES = (
    listener,
    lambda_runtime,
    object_arns,
    condition_keys,
    foreign_buckets,
    default_encryption,
    entity_tags,
    full_object_checksums,
    conditional_copies,
    upload_tags,
    multipart_listing,
    multipart_checksums,
    multipart_parts,
    s3_limits,
    kms_encryption,
    copied_tags,
    missing_objects,
    expected_owners,
    s3_requests,
    bucket_properties,
    bus_policies,
    named_principals,
    named_resources,
    policy_simulation,
    event_targets,
    workflow_roles,
    succeed_output,
    payload_limits,
    published_attributes,
    ended_executions,
    status_events,
    distributed_maps,
    execution_names,
    literal_wildcards,
    image_layers,
    image_manifests,
    foreign_registries,
)


class UnsupportedMinistack(Exception):
    """The corrections were written for another version of MiniStack."""


def apply(*, all_patches: bool = True) -> None:
    """Correct MiniStack in this process, before it serves. Without `all_patches` it only keeps to its own port."""
    installed = version("ministack")
    if installed != MINISTACK:
        raise UnsupportedMinistack(
            f"MiniStack is {installed}, and the corrections are for {MINISTACK}: install that one"
        )
    for patch in PATCHES if all_patches else (listener,):
        patch.apply()
