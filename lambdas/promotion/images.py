"""Where an image lies in the target's Region: SageMaker pulls images from the endpoint's own Region only
(API: ContainerDefinition, Image).

Pure. AWS offers its own images in every Region, each from an account that varies by Region.
"""

from __future__ import annotations

import re

from lambdas.promotion.settings import Environment, Stage

# Accounts by Region (aws/sagemaker-python-sdk: image_uri_config, August 2026).
_DEEP_LEARNING_CONTAINERS = {
    **dict.fromkeys(
        """
        us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 eu-west-1 eu-west-2 eu-west-3 eu-central-1
        eu-north-1 ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2
        """.split(),  # noqa: SIM905 - as a literal, each would take a line
        "763104351884",
    ),
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "mx-central-1": "637423239942",
}
_SCIKIT_LEARN_AND_XGBOOST = {
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
_OFFERED_BY_AWS = (_DEEP_LEARNING_CONTAINERS, _SCIKIT_LEARN_AND_XGBOOST)

_ECR_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<rest>.*)")


class ImageProblem(ValueError):
    """Why an image cannot go over."""


def in_target(image: str, digest: str | None, *, source: Environment, target: Environment, stage: Stage) -> str:
    """Return the image's address in the target's Region."""
    found, region = _ECR_IMAGE.fullmatch(image), target.region
    if not found or found["region"] == region:
        return image
    for accounts in _OFFERED_BY_AWS:
        if accounts.get(found["region"]) == found["account"] and region in accounts:
            return f"{accounts[region]}.dkr.ecr.{region}.amazonaws.com/{found['rest']}"
    raise ImageProblem(f"it lies in {found['region']}, the target is {region}")
