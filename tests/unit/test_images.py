"""Where an image lies in the target's Region."""

from __future__ import annotations

import pytest

from lambdas.promotion import images
from lambdas.promotion.errors import UnsupportedModel

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("image", "region", "there"),
    [
        (
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
            "eu-west-1",
            "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        ),
        (
            f"141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost@{DIGEST}",
            "us-east-1",
            f"683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost@{DIGEST}",
        ),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
            "eu-west-1",
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
        ),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
            "eu-central-2",
            "380420809688.dkr.ecr.eu-central-2.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
        ),
    ],
)
def test_an_image_that_aws_offers_comes_from_its_account_in_the_targets_region(
    image: str, region: str, there: str
) -> None:
    assert images.in_target(image, region, where="it") == there


@pytest.mark.parametrize(
    "image",
    [
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        "222222222222.dkr.ecr.us-east-1.amazonaws.com/own:1",
        "public.ecr.aws/team/model:1",
        "team/model",
    ],
)
def test_an_image_without_another_region_in_its_name_stays(image: str) -> None:
    assert images.in_target(image, "us-east-1", where="it") == image


@pytest.mark.parametrize(
    ("image", "region"),
    [
        ("222222222222.dkr.ecr.us-east-1.amazonaws.com/own:1", "eu-west-1"),
        # An account of AWS's, but not in the Region that the image names.
        ("683313688378.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3", "eu-west-1"),
        # AWS offers no such image there.
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3", "eu-central-2"),
    ],
)
def test_an_image_that_nobody_knows_in_the_targets_region_is_refused_with_both_regions(image: str, region: str) -> None:
    with pytest.raises(UnsupportedModel, match="cannot pull") as refused:
        images.in_target(image, region, where="the model")
    for words in ("the model", image, f"lies in {image.split('.')[3]}", f"the target is {region}"):
        assert words in str(refused.value)
