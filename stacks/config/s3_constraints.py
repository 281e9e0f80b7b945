"""Where in S3 an endpoint may write and read: never where Promote, or a source, keeps models.

A container has the execution role's credentials, so whatever that role may write, the model may write.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from pydantic import BaseModel

from lambdas.promotion.contract import resource_names
from stacks.config.schema import Stage

_S3 = "s3://"
# Fields of which the execution role only reads what they name.
_READ = {"s3_input_path", "shap_baseline_uri"}
# AWS: S3, bucket naming rules: reserved for access points and other kinds of buckets, which hide the bucket's name.
_ALIAS = re.compile(r".*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)")
# The parts of a stage by which its execution role gets permissions to S3.
_PARTS = ("variants", "shadow_variants", "data_capture", "async_inference", "explainer")


def constraint_violations(path: str, stage: Stage, source_buckets: Collection[str]) -> Iterator[str]:
    """Yield the S3 URIs of an endpoint that are where models are; `source_buckets` are those that the file lists."""
    for field, uri in s3_uris(stage):
        bucket, _, prefix = uri.removeprefix(_S3).partition("/")
        if resource_names.is_own_bucket(bucket):
            yield (
                f"{path}.{field}: {bucket} has the name of a bucket of Promote's own, and no container may write where "
                "models are stored, or read there but its own model. Take another bucket"
            )
        elif _ALIAS.fullmatch(bucket):
            yield (
                f"{path}.{field}: {bucket} is the alias of an access point, or no general purpose bucket, so it does "
                "not tell where it leads. Write the bucket's own name"
            )
        elif bucket in source_buckets and not prefix.strip("/") and field.rpartition(".")[2] not in _READ:
            yield (
                f"{path}.{field}: models are read from {bucket}, which an environment's buckets list, and the "
                f"container could write everywhere in it. Write a prefix, such as {_S3}{bucket}/captured, or take "
                "another bucket"
            )


def s3_uris(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield the paths and values of all S3 URIs in the parts of a stage that become the endpoint's configuration."""
    for name in _PARTS:
        yield from _uris_in(name, getattr(stage, name, None))


def _uris_in(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.startswith(_S3):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _uris_in(f"{path}.{name}", getattr(value, name))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _uris_in(f"{path}.{number}", part)
