"""Images that AWS offers: the registries that hold them, an account each by Region, and their images."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache

from sandbox.aws.sagemaker.models import aws_registries


def _accounts() -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for paragraph in aws_registries.TABLE.strip().split("\n\n"):
        pairs = [word.partition("=") for word in paragraph.split()]
        accounts = {region: account for region, separator, account in pairs if separator}
        tables |= {repository: accounts for repository, separator, _ in pairs if not separator}
    return tables


# By repository and Region.
_ACCOUNTS = _accounts()
# The scikit-learn and XGBoost framework images.
SCIKIT_LEARN = _ACCOUNTS["sagemaker-scikit-learn"]

# SageMaker's own algorithms: it pulls these images, and no customer may.
ALGORITHMS = frozenset(
    [
        "blazingtext",
        "factorization-machines",
        "forecasting-deepar",
        "image-classification",
        "ipinsights",
        "kmeans",
        "knn",
        "lda",
        "linear-learner",
        "ntm",
        "object-detection",
        "object2vec",
        "pca",
        "randomcutforest",
        "semantic-segmentation",
        "seq2seq",
        "xgboost",
    ]
)
# Of what any account may pull.
ACCOUNTS = frozenset(
    account
    for repository, accounts in _ACCOUNTS.items()
    if repository not in ALGORITHMS
    for account in accounts.values()
)

MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def _versions(versions: str, suffixes: str) -> frozenset[str]:
    return frozenset(f"{version}-{suffix}" for version in versions.split() for suffix in suffixes.split())


# Some of what AWS offers, under its own tags. The same image has the same digest in every Region here, which AWS does
# not promise.
TAGS: Mapping[str, frozenset[str]] = {
    "sagemaker-scikit-learn": _versions("0.20.0 0.23-1 1.0-1 1.2-1 1.4-2", "cpu-py3"),
    "sagemaker-xgboost": _versions("1.0-1 1.2-1 1.2-2 1.3-1 1.5-1 1.7-1", "cpu-py3") | {"1.5-1", "1.7-1"},
    "pytorch-inference": _versions("2.0.1 2.1.0 2.2.0 2.3.0 2.6.0", "cpu-py310 cpu-py311 gpu-py310 gpu-py311"),
    "pytorch-training": _versions("2.0.1 2.1.0 2.2.0 2.3.0", "cpu-py310 cpu-py311 gpu-py310 gpu-py311"),
    "tensorflow-inference": _versions("2.11 2.12 2.13 2.14", "cpu gpu"),
    "tensorflow-training": _versions("2.11.0 2.12.0 2.13.0 2.14.1", "cpu-py310 gpu-py310"),
    "huggingface-pytorch-inference": frozenset(
        f"{version}-{suffix}"
        for version in ("1.13.1-transformers4.26.0", "2.1.0-transformers4.37.0", "2.6.0-transformers4.49.0")
        for suffix in ("cpu-py39-ubuntu20.04", "cpu-py310-ubuntu22.04", "cpu-py312-ubuntu22.04")
    ),
}


def is_algorithm(account: str, repository: str) -> bool:
    """Whether an image is one of SageMaker's own algorithms."""
    return repository in ALGORITHMS and account in _ACCOUNTS[repository].values()


@cache
def find(repository: str, *, tag: str | None = None, digest: str | None = None) -> tuple[str, str] | None:
    """Digest and manifest of an image by its tag or its digest, or None."""
    for known_tag in sorted(TAGS.get(repository, ())):
        manifest = _manifest(repository, known_tag)
        its_digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
        if its_digest == digest or (digest is None and known_tag == tag):
            return its_digest, manifest
    return None


def _manifest(repository: str, tag: str) -> str:
    blobs = {part: hashlib.sha256(f"{repository}:{tag}/{part}".encode()).hexdigest() for part in ("config", "layer")}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": 1024,
                "digest": f"sha256:{blobs['config']}",
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": 1024**2,
                    "digest": f"sha256:{blobs['layer']}",
                }
            ],
        }
    )
