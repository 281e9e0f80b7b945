"""AWS's own buckets with the models of SageMaker JumpStart.

They belong to AWS: the gated ones cannot be copied, and every account uses those of its Region. So an S3 URI in one of
them is kept unchanged, and in another Region its bucket is replaced by that Region's. The names and Regions are
those of AWS's own SDK (aws/sagemaker-python-sdk, src/sagemaker/jumpstart/region_config.json at 537d359, the commercial
partition). A key names a model and its version, and is the same in every Region (hashicorp/terraform-provider-aws,
the acceptance tests of aws_sagemaker_model); where AWS does not offer a model, CreateModel reports missing data.
"""

from __future__ import annotations

from lambdas.promotion.contract import resource_names
from lambdas.promotion.model import s3_uris

# Regions by the prefix of their names. Optimized models (draft models for speculative decoding) are in fewer.
_OPTIMIZED = {
    "ap-northeast": (1, 2, 3),
    "ap-south": (1,),
    "ap-southeast": (1, 2),
    "ca-central": (1,),
    "eu-central": (1,),
    "eu-north": (1,),
    "eu-west": (1, 2, 3),
    "sa-east": (1,),
    "us-east": (1, 2),
    "us-west": (1, 2),
}
_LAUNCHED = {
    **_OPTIMIZED,
    "af-south": (1,),
    "ap-east": (1, 2),
    "ap-south": (1, 2),
    "ap-southeast": (1, 2, 3, 4, 5, 6, 7),
    "ca-west": (1,),
    "eu-central": (1, 2),
    "eu-south": (1, 2),
    "il-central": (1,),
    "me-central": (1,),
    "me-south": (1,),
    "mx-central": (1,),
}
# By the prefix of a bucket's name, before its Region.
_CACHES = dict(zip(resource_names.JUMPSTART_BUCKETS, (_LAUNCHED, _LAUNCHED, _OPTIMIZED), strict=True))


def is_cache(uri: str) -> bool:
    """Whether an S3 URI is in one of AWS's own buckets."""
    prefix, region = _parts(s3_uris.bucket_of(uri))
    return _is_known(prefix, region)


def in_region(uri: str, region: str) -> str | None:
    """Return the S3 URI of the same object in a Region's own bucket, or None if no bucket is known there."""
    bucket = s3_uris.bucket_of(uri)
    prefix, _ = _parts(bucket)
    if not _is_known(prefix, region):
        return None
    return uri.replace(bucket, f"{prefix}{region}", 1)


def _is_known(prefix: str, region: str) -> bool:
    area, _, number = region.rpartition("-")
    return number in map(str, _CACHES.get(prefix, {}).get(area, ()))


def _parts(bucket: str) -> tuple[str, str]:
    prefix = next((prefix for prefix in _CACHES if bucket.startswith(prefix)), "")
    return prefix, bucket.removeprefix(prefix)
