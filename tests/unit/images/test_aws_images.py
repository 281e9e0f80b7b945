"""AWS's own images: the account of each in each Region, and how the table is made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lambdas.promotion.images import aws_images, aws_registries
from sandbox.aws.sagemaker.models import aws_registries as sandbox_registries
from tests.sdk_drift import image_tables

SKLEARN, DLC = ("683313688378", "us-east-1"), ("763104351884", "us-east-1")
TABLE = aws_images.accounts()
# One account in one Region may hold repositories of two tables: 867004704886 in ap-northeast-3.
SHARED = ("867004704886", "ap-northeast-3")


def account_of(repository: str, region: str, *, of: tuple[str, str]) -> str | None:
    return aws_images.account_of(repository, offered_in=of, region=region)


@pytest.mark.parametrize("repository", ["sagemaker-scikit-learn", "sagemaker-xgboost"])
@pytest.mark.parametrize(
    ("region", "account"),
    [
        ("ap-south-2", "628508329040"),
        ("ap-southeast-3", "951798379941"),
        ("ap-southeast-4", "106583098589"),
        ("ca-west-1", "190319476487"),
        ("eu-central-2", "680994064768"),
        ("eu-south-2", "104374241257"),
        ("il-central-1", "898809789911"),
        ("me-central-1", "272398656194"),
    ],
)
def test_framework_images_are_known_in_every_region_of_awss_table(repository: str, region: str, account: str) -> None:
    assert account_of(repository, region, of=SKLEARN) == account
    assert account_of(repository, "us-east-1", of=(account, region)) == SKLEARN[0]


@pytest.mark.parametrize("repository", TABLE)
def test_every_image_comes_back_from_every_region(repository: str) -> None:
    first, *others = TABLE[repository].items()
    for region, account in others:
        assert aws_images.are_in(account, region)
        assert account_of(repository, region, of=(first[1], first[0])) == account
        assert account_of(repository, first[0], of=(account, region)) == first[1]


def test_a_repository_that_the_table_does_not_name_follows_the_others_of_its_account() -> None:
    assert account_of("pytorch-of-tomorrow", "eu-south-1", of=DLC) == "692866216735"
    assert account_of("framework-of-tomorrow", "eu-west-1", of=SKLEARN) == "141502667606"
    assert account_of("anything", "us-east-1", of=SHARED) is None
    assert account_of("blazingtext", "us-east-1", of=SHARED) == "811284229777"


def test_a_repository_that_aws_does_not_have_in_a_region_has_no_account_there() -> None:
    assert account_of("xgboost", "il-central-1", of=("811284229777", "us-east-1")) is None


def test_the_accounts_are_awss_in_their_own_regions_only() -> None:
    assert aws_images.are_in(*SKLEARN)
    assert not aws_images.are_in(SKLEARN[0], "eu-west-1")
    assert not aws_images.are_in("222222222222", "us-east-1")


def test_the_table_is_read_only_when_it_is_asked_for() -> None:
    modules = "import sys; from lambdas.promotion.images import references; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, check=True)
    assert "lambdas.promotion.images.aws_images" in imported.stdout.split()
    assert "lambdas.promotion.images.aws_registries" not in imported.stdout.split()


# The table


def test_the_local_aws_has_the_same_table() -> None:
    assert sandbox_registries.TABLE == aws_registries.TABLE


def test_the_table_names_package_and_date() -> None:
    assert aws_images.source() == f"{aws_registries.SOURCE}, {aws_registries.DATE}"
    assert aws_registries.SOURCE.startswith("sagemaker-core ")


def test_the_table_is_what_the_package_has(tmp_path: Path) -> None:
    versions = {
        "1": {"repository": "a", "registries": {"us-east-1": "1", "us-iso-east-1": "9", "eusc-de-east-1": "9"}},
        "2": {"repository": "a", "registries": {"us-east-1": "1", "eu-west-1": "2"}},
    }
    (tmp_path / "a.json").write_text(json.dumps({"inference": {"versions": versions}}))
    (tmp_path / "gpu.json").write_text(json.dumps({"us-east-1": {"ml.g4dn.xlarge": {"Count": 1}}}))
    assert image_tables.read(tmp_path) == {"a": {"us-east-1": "1", "eu-west-1": "2"}}


def test_the_module_is_written_as_it_stands() -> None:
    version = aws_registries.SOURCE.removeprefix("sagemaker-core ")
    for file in image_tables.FILES:
        assert file.read_text() == image_tables.page(TABLE, version=version, date=aws_registries.DATE)


def test_what_the_newest_package_has_otherwise_is_printed() -> None:
    def printed(new: dict[str, dict[str, str]]) -> list[str]:
        return list(image_tables.lines({"a": {"us-east-1": "1"}}, new, source="p 1", version="2"))

    assert printed({"a": {"us-east-1": "1"}}) == [
        "sagemaker-core 2 against p 1: 0 accounts of AWS's images differ.",
    ]
    assert printed({"a": {"us-east-1": "3"}, "b": {"eu-west-1": "4"}})[1:] == [
        "  - a us-east-1=1",
        "  + a us-east-1=3",
        "  + b eu-west-1=4",
        "`make image-tables` writes the newer ones.",
    ]
