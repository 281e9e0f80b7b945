"""Where MiniStack answers other than AWS, and this product would notice.

Each module mends one thing. A correction wraps what it mends and falls back on it wherever it can. Its tests run
twice, here and against MiniStack as it comes, where they must fail: when one passes, upstream has mended it, and the
correction can go.
"""

from importlib.metadata import version

from sandbox.corrections import (
    bucket_properties,
    bus_policies,
    condition_keys,
    conditional_copies,
    copied_tags,
    default_encryption,
    distributed_maps,
    ended_executions,
    entity_tags,
    event_targets,
    execution_names,
    expected_owners,
    foreign_buckets,
    foreign_registries,
    full_object_checksums,
    image_layers,
    image_manifests,
    kms_encryption,
    lambda_runtime,
    listener,
    literal_wildcards,
    missing_objects,
    multipart_checksums,
    multipart_listing,
    multipart_parts,
    named_principals,
    named_resources,
    object_arns,
    payload_limits,
    policy_simulation,
    published_attributes,
    s3_limits,
    s3_requests,
    status_events,
    succeed_output,
    upload_tags,
    workflow_roles,
)

# The corrections reach into functions that upstream may rename: another version needs another look.
MINISTACK = "1.5.33"

# In the order in which they wrap each other: what refuses a request comes after what finds the bucket.
CORRECTIONS = (
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


class UnknownMinistack(Exception):
    """The corrections were written for another version of MiniStack."""


def apply(*, all_of_them: bool = True) -> None:
    """Correct MiniStack in this process, before it serves. Without `all_of_them` it only keeps to its own port."""
    installed = version("ministack")
    if installed != MINISTACK:
        raise UnknownMinistack(f"MiniStack is {installed}, and the corrections are for {MINISTACK}: install that one")
    for correction in CORRECTIONS if all_of_them else (listener,):
        correction.apply()
