"""Images that AWS offers: the registries that hold them, an account each by Region, and their images."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache

# The scikit-learn and XGBoost framework images.
SCIKIT_LEARN = {
    "us-east-1": "683313688378",
    "us-east-2": "257758044811",
    "us-west-1": "746614075791",
    "us-west-2": "246618743249",
    "ca-central-1": "341280168497",
    "sa-east-1": "737474898029",
    "eu-west-1": "141502667606",
    "eu-west-2": "764974769150",
    "eu-west-3": "659782779980",
    "eu-central-1": "492215442770",
    "eu-north-1": "662702820516",
    "eu-south-1": "978288397137",
    "ap-northeast-1": "354813040037",
    "ap-northeast-2": "366743142698",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "720646828776",
    "ap-southeast-1": "121021644041",
    "ap-southeast-2": "783357654285",
    "ap-east-1": "651117190479",
    "me-south-1": "801668240914",
    "af-south-1": "510948584623",
}
_DEEP_LEARNING_CONTAINERS = """
    763104351884 626614931356 871362719292 975050140332 364406365360 772153158452 907027046896 457447274322
    550225433462 633930458069 590183813437 204538143572 727897471807 380420809688 692866216735 503227376785
    780543022126 914824155844 217643126080 637423239942 446045086412 442386744353
""".split()  # noqa: SIM905 - as a literal, each would take a line

# SageMaker's own algorithms, and the accounts that have them (aws/sagemaker-python-sdk, image_uri_config: blazingtext,
# kmeans and forecasting-deepar, 2026). SageMaker pulls these images; no customer may.
ALGORITHMS = frozenset(
    [
        "blazingtext",
        "factorization-machines",
        "forecasting-deepar",
        "image-classification",
        "ipinsights",
        "kmeans",
        "knn",
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
_ALGORITHM_ACCOUNTS = """
    455444449433 286214385809 501404015308 351501993468 633353088612 306986355934 835164637446 204372634319
    364406365360 991648021394 475088953585 544295431143 712309505854 514117268639 469771592824 813361260812
    664544806723 495149712605 669576153137 685385470294 438346466558 224300973850 644912444149 749696950732
    257386234256 249704162688 855470959533 811284229777 382416733822 522234722520 825641698319 404615174143
    272398656194 566113047672 632365934929 433757028032 174872318107 156387875391
""".split()  # noqa: SIM905

ACCOUNTS = frozenset([*SCIKIT_LEARN.values(), *_DEEP_LEARNING_CONTAINERS])

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
    return account in _ALGORITHM_ACCOUNTS and repository in ALGORITHMS


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
