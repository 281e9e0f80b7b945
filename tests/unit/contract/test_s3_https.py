"""HTTPS URLs that name an object of S3."""

from __future__ import annotations

import pytest

from lambdas.promotion.contract import s3_https

URI = "s3://models/v7/model.tar.gz"


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/models/v7/model.tar.gz",
        "https://s3.us-east-1.amazonaws.com/models/v7/model.tar.gz",
        "https://s3-us-gov-west-1.amazonaws.com/models/v7/model.tar.gz",
        "https://s3-external-1.amazonaws.com/models/v7/model.tar.gz",
        "https://s3.dualstack.ap-south-2.amazonaws.com/models/v7/model.tar.gz",
        "https://s3-fips.us-east-1.amazonaws.com/models/v7/model.tar.gz",
        "https://s3-fips.dualstack.us-east-1.amazonaws.com/models/v7/model.tar.gz",
        "https://s3.cn-north-1.amazonaws.com.cn/models/v7/model.tar.gz",
        "https://models.s3.amazonaws.com/v7/model.tar.gz",
        "https://models.s3.eu-west-1.amazonaws.com/v7/model.tar.gz",
        "https://models.s3-eu-west-1.amazonaws.com/v7/model.tar.gz",
        "https://models.s3.dualstack.eu-west-1.amazonaws.com/v7/model.tar.gz",
        "https://MODELS.S3.amazonaws.com:443/v7/model.tar.gz",
    ],
)
def test_each_address_of_an_object_is_its_s3_uri(url: str) -> None:
    assert s3_https.as_s3_uri(url) == URI


def test_a_bucket_with_dots_and_a_key_with_odd_characters_are_read() -> None:
    assert s3_https.as_s3_uri("https://a.b.s3.amazonaws.com/k=1+2/ü x") == "s3://a.b/k=1+2/ü x"
    assert s3_https.as_s3_uri("https://abc.s3.amazonaws.com/b/") == "s3://abc/b/"


@pytest.mark.parametrize(
    "url",
    [
        URI,
        "",
        "https://example.com/models/v7/model.tar.gz",
        "https://s3.amazonaws.com.example.com/models/a",
        "https://example.com/s3.amazonaws.com/models/a",
        "http://s3.amazonaws.com/models/a",
        "https://models.s3-website-us-east-1.amazonaws.com/a",
        "https://222222222222.s3-control.us-east-1.amazonaws.com/a",
        "https://point-222222222222.s3-accesspoint.us-east-1.amazonaws.com/a",
        "https://models.s3.amazonaws.com/a?versionId=1",
        "https://models.s3.amazonaws.com/a?X-Amz-Signature=0",
        "https://models.s3.amazonaws.com/a%20b",
        "https://models.s3.amazonaws.com/a#b",
        "https://models.s3.amazonaws.com",
    ],
)
def test_anything_else_stays_as_it_is(url: str) -> None:
    assert s3_https.as_s3_uri(url) == url
