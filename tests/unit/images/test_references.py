"""Images: the URI in the target of the image that the model names, and its digest."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.images import references
from lambdas.promotion.images.references import Image, ImageProblem
from tests.unit.builders import DEV, QA, STAGE

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
EUROPE = replace(QA, region="eu-west-1")
OWN = "222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model"
TOOLS = "555555555555.dkr.ecr.us-east-1.amazonaws.com/team/model"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn"
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference"
COPY = "333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model"


def in_target(
    image: str, digest: str | None = DIGEST, *, source: Environment = DEV, target: Environment = QA, **stage: Any
) -> str:
    return references.in_target(image, digest, source=source, target=target, stage=replace(STAGE, **stage))


# Addresses


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        (f"{OWN}:1.2", (OWN.partition("/")[0], "team/model", "1.2", None)),
        (f"{OWN}@{DIGEST}", (OWN.partition("/")[0], "team/model", None, DIGEST)),
        (f"{OWN}:1.2@{DIGEST}", (OWN.partition("/")[0], "team/model", "1.2", DIGEST)),
        ("host.example:5000/model:1", ("host.example:5000", "model", "1", None)),
        ("registry:5000/model:1", ("registry:5000", "model", "1", None)),
        ("localhost/model", ("localhost", "model", None, None)),
        ("team/model:1", ("", "team/model", "1", None)),
        ("model", ("", "model", None, None)),
    ],
)
def test_an_image_uri_has_its_parts(uri: str, parts: tuple[str | None, ...]) -> None:
    parsed = references.parse(uri)
    assert (parsed.registry, parsed.repository, parsed.tag, parsed.digest) == parts


@pytest.mark.parametrize("domain", ["us-east-1.amazonaws.com", "cn-north-1.amazonaws.com.cn"])
def test_an_ecr_registry_names_account_and_region(domain: str) -> None:
    parsed = references.parse(f"222222222222.dkr.ecr.{domain}/model")
    assert (parsed.account, parsed.region) == ("222222222222", domain.partition(".")[0])


OTHER_HOSTS = [
    "222222222222.dkr.ecr-fips.us-east-1.amazonaws.com",
    "222222222222.dkr-ecr.us-east-1.on.aws",
    "222222222222.dkr-ecr-fips.us-east-1.on.aws",
    "222222222222.DKR.ECR.US-EAST-1.amazonaws.com",
]


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_each_host_of_an_ecr_registry_is_the_same_registry(host: str) -> None:
    parsed = references.parse(f"{host}/team/model:1")
    assert (parsed.account, parsed.region, parsed.name) == ("222222222222", "us-east-1", OWN)
    assert in_target(f"{host}/team/model:1") == f"{OWN}@{DIGEST}"
    assert in_target(f"{host}/team/model:1", copy_images=True) == f"{COPY}@{DIGEST}"
    assert in_target(f"{host}/team/model:1", images={OWN: TOOLS}) == f"{TOOLS}@{DIGEST}"
    assert in_target(f"{OWN}:1", images={f"{host}/team/model": TOOLS}) == f"{TOOLS}@{DIGEST}"
    assert in_target(f"{TOOLS}:1", images={TOOLS: f"{host}/team/model"}) == f"{OWN}@{DIGEST}"
    with pytest.raises(ImageProblem, match="stored in us-east-1, the target is eu-west-1"):
        in_target(f"{host}/team/model:1", target=EUROPE)


def test_awss_own_image_is_recognized_by_each_of_its_hosts() -> None:
    fips = PYTORCH.replace("dkr.ecr", "dkr.ecr-fips")
    assert in_target(f"{fips}:1", target=EUROPE).startswith("763104351884.dkr.ecr.eu-west-1.amazonaws.com/")


@pytest.mark.parametrize(
    "registry",
    [
        "public.ecr.aws",
        "222222222222.dkr-ecr.us-east-1.on.aws.example.com",
        "host.example",
        "222222222222.dkr.ecr.us-east-1.example.com",
    ],
)
def test_any_other_registry_has_no_account(registry: str) -> None:
    assert references.parse(f"{registry}/team/model").account is None


@pytest.mark.parametrize(
    "digest", ["md5:0", f"sha512:{'a' * 128}", f"sha256:{'a' * 63}", "", "latest", f"{DIGEST}@{DIGEST}"]
)
def test_a_digest_of_another_kind_is_a_problem(digest: str) -> None:
    with pytest.raises(ImageProblem, match=f"{digest}' is pinned to something that is not a sha256 digest"):
        references.parse(f"{OWN}@{digest}")


@pytest.mark.parametrize("digest", [DIGEST.upper(), f"SHA256:{'a' * 64}", f"Sha256:{'A' * 64}"])
def test_a_digest_is_read_in_any_letter_case(digest: str) -> None:
    """API: ModelPackageContainerDefinition, ImageDigest: [Ss][Hh][Aa]256:[0-9a-fA-F]{64}. A registry has lower case."""
    assert references.parse(f"{OWN}:1.2@{digest}").digest == DIGEST
    assert in_target(f"{OWN}:1.2@{digest}", None) == f"{OWN}@{DIGEST}"


# In the target


@pytest.mark.parametrize("image", [OWN, TOOLS, SKLEARN, PYTORCH, "public.ecr.aws/team/model"])
def test_an_image_that_can_be_pulled_from_its_registry_stays_and_is_pinned(image: str) -> None:
    assert in_target(f"{image}:1.2") == f"{image}@{DIGEST}"


def test_an_image_with_unknown_digest_keeps_its_tag() -> None:
    assert [in_target(f"{TOOLS}{tag}", None) for tag in (":1.2", "")] == [f"{TOOLS}:1.2", TOOLS]


def test_a_digest_in_the_image_uri_takes_precedence() -> None:
    assert in_target(f"{TOOLS}:1.2@{OTHER}") == f"{TOOLS}@{OTHER}"


def test_an_image_of_awss_own_is_in_another_account_in_another_region() -> None:
    expected = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn"
    assert in_target(f"{SKLEARN}:1.2", target=EUROPE) == f"{expected}@{DIGEST}"


def test_the_digest_of_awss_own_image_is_kept_in_another_region_and_so_is_a_tag_without_one() -> None:
    expected = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference"
    assert [in_target(f"{PYTORCH}:2", digest, target=EUROPE) for digest in (DIGEST, None)] == [
        f"{expected}@{DIGEST}",
        f"{expected}:2",
    ]


def test_a_built_in_algorithm_is_carried_as_it_is_in_its_region_and_translated_in_another() -> None:
    algorithm = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext"
    assert in_target(f"{algorithm}:1", None) == f"{algorithm}:1"
    assert (
        in_target(f"{algorithm}:1", None, target=EUROPE) == "685385470294.dkr.ecr.eu-west-1.amazonaws.com/blazingtext:1"
    )
    assert in_target(f"{algorithm}:1", images={algorithm: TOOLS}) == f"{TOOLS}@{DIGEST}"


def test_an_image_that_aws_does_not_have_in_the_targets_region_is_a_problem_that_names_the_table() -> None:
    xgboost = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
    with pytest.raises(
        ImageProblem, match=r"AWS's table names no .* in il-central-1 \(sagemaker-core .*`images` of the stage"
    ):
        in_target(xgboost, None, target=replace(QA, region="il-central-1"))


@pytest.mark.parametrize("image", [OWN, TOOLS, SKLEARN.replace("us-east-1", "ap-south-1")])
def test_an_image_of_another_owner_in_another_region_is_a_problem_with_a_remedy(image: str) -> None:
    with pytest.raises(ImageProblem, match=r"the target is eu-west-1.*`images` of the stage"):
        in_target(image, target=EUROPE)


def test_only_the_sources_own_images_could_be_copied() -> None:
    copied = "let the application copy its images (`copy_images: true`), or "
    for image, remedy in ((OWN, f"{copied}map it to"), (TOOLS, "map it to")):
        with pytest.raises(ImageProblem, match=re.escape(f"from the endpoint's own Region: {remedy}")):
            in_target(image, target=EUROPE)


def test_a_mapped_image_keeps_its_content() -> None:
    for image in (OWN, SKLEARN, "public.ecr.aws/team/model"):
        assert in_target(f"{image}:1.2", images={image: TOOLS}) == f"{TOOLS}@{DIGEST}"
        assert in_target(f"{image}:1.2", None, images={image: TOOLS}) == f"{TOOLS}:1.2"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("registry.example.com/team/features", "registry.example.com/team/features"),
        ("registry.example.com:5000/features", "registry.example.com:5000/features"),
        ("public.ecr.aws/team/features", "public.ecr.aws/team/features"),
        ("Registry.Example.com/team/features", "registry.example.com/team/features"),
        ("team/features", "docker.io/team/features"),
        ("python", "docker.io/library/python"),
        ("docker.io/python", "docker.io/library/python"),
    ],
)
def test_an_image_outside_of_ecr_is_mapped_like_any_other(image: str, name: str) -> None:
    assert in_target(f"{image}:1.2", None, images={name: TOOLS}) == f"{TOOLS}:1.2"
    assert in_target(f"{image}:1.2@{DIGEST}", None, images={name: TOOLS}) == f"{TOOLS}@{DIGEST}"


def test_a_mapping_is_for_the_very_repository() -> None:
    assert in_target(f"{OWN}-2:1", images={OWN: TOOLS}) == f"{OWN}-2@{DIGEST}"


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_an_image_uri_that_is_too_long_for_sagemaker_is_a_problem(length: int, fits: bool) -> None:
    registry = TOOLS.partition("/")[0]
    image = f"{registry}/{'r' * (length - len(registry) - len(DIGEST) - 2)}"
    if fits:
        assert len(in_target(image)) == length
        return
    with pytest.raises(ImageProblem, match="256 characters"):
        in_target(image)


# Copies


def copies(*named: str, target: Environment = QA, **stage: Any) -> list[tuple[str, str]]:
    parsed = references.to_copy(
        named,
        dict.fromkeys(named, DIGEST),
        source=DEV,
        target=target,
        stage=replace(STAGE, copy_images=True, **stage),
    )
    return [(copied.source, copied.target) for copied in parsed]


def test_the_target_gets_its_own_copy_of_the_sources_image() -> None:
    assert in_target(f"{OWN}:1", copy_images=True) == f"{COPY}@{DIGEST}"
    assert copies(f"{OWN}:1") == [(f"{OWN}@{DIGEST}", f"{COPY}@{DIGEST}")]


def test_a_copy_is_made_across_regions() -> None:
    expected = COPY.replace("us-east-1", "eu-west-1")
    assert copies(f"{OWN}:1", target=EUROPE) == [(f"{OWN}@{DIGEST}", f"{expected}@{DIGEST}")]


def test_an_image_that_two_containers_name_is_copied_once() -> None:
    assert len(copies(f"{OWN}:1", f"{OWN}:2", f"{OWN}:1")) == 1


def test_only_the_sources_own_images_are_copied() -> None:
    assert copies(f"{TOOLS}:1", f"{SKLEARN}:1", "public.ecr.aws/team/model:1") == []
    assert in_target(f"{TOOLS}:1", copy_images=True) == f"{TOOLS}@{DIGEST}"


def test_a_mapped_image_is_not_copied() -> None:
    assert copies(f"{OWN}:1", images={OWN: TOOLS}) == []


def test_nothing_is_copied_within_one_registry() -> None:
    assert copies(f"{OWN}:1", target=replace(QA, account=DEV.account)) == []


def test_nothing_is_copied_unless_the_application_enables_it() -> None:
    assert references.to_copy([OWN], {OWN: DIGEST}, source=DEV, target=QA, stage=STAGE) == ()


def test_an_image_with_unknown_digest_cannot_be_copied() -> None:
    with pytest.raises(ImageProblem, match="digest"):
        in_target(f"{OWN}:1", None, copy_images=True)


def test_what_was_copied_to_qa_has_the_same_repository_in_production() -> None:
    production = Environment(name="production", account="444444444444", region="us-east-1")
    copy = in_target(f"{COPY}@{DIGEST}", None, source=QA, target=production, copy_images=True)
    assert copy == f"{COPY.replace('333333333333', '444444444444')}@{DIGEST}"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"PrimaryContainer": {"Image": "a"}}, ("a",)),
        ({"Containers": [{"Image": "a"}, {"Image": "b"}, {"Image": "a"}]}, ("a", "b")),
        ({"Containers": [{"ModelPackageName": "m"}]}, ()),
        ({}, ()),
    ],
)
def test_every_image_of_a_request_is_named_once(request_: dict[str, Any], named: tuple[str, ...]) -> None:
    assert references.named_in(request_) == named


IN_VPC = {"Image": "registry.example/model:1", "ImageConfig": {"RepositoryAccessMode": "Vpc"}}


@pytest.mark.parametrize("image_config", [{}, {"RepositoryAccessMode": "Platform"}])
def test_an_image_that_is_pulled_through_the_models_vpc_is_not_named(image_config: dict[str, str]) -> None:
    """API: ImageConfig, RepositoryAccessMode: Vpc or Platform."""
    others = {"Image": f"{OWN}:1", "ImageConfig": image_config}
    assert references.named_in({"Containers": [IN_VPC, others]}) == (f"{OWN}:1",)
    assert (references.is_in_vpc_registry(IN_VPC), references.is_in_vpc_registry({"Image": OWN})) == (True, False)


@pytest.mark.parametrize("end", ["", ":1", f"@{DIGEST}", "@anything"])
def test_an_image_is_mapped_by_its_name_alone(end: str) -> None:
    stage = replace(STAGE, images={OWN: "other/model"})
    assert references.is_mapped(f"{OWN}{end}", stage)
    assert not references.is_mapped(f"{TOOLS}{end}", stage)


@pytest.mark.parametrize("end", ["", ":1", f"@{DIGEST}", "@anything"])
def test_an_image_is_in_ecr_if_its_registry_is(end: str) -> None:
    assert references.is_in_ecr(f"{OWN}{end}")
    assert not references.is_in_ecr(f"team/model{end}")


def test_a_mapping_of_an_image_that_the_model_does_not_have_is_unused() -> None:
    stage = replace(STAGE, images={OWN: "a", TOOLS: "b", "docker.io/library/python": "c"})
    assert references.unused_mappings([f"{OWN}@anything", "python:3"], stage) == [TOOLS]


def test_an_image_in_china_is_copied_to_a_registry_in_china() -> None:
    """AWS: China Regions, endpoints and ARNs: amazonaws.com.cn."""
    dev, qa = (replace(environment, region="cn-north-1") for environment in (DEV, QA))
    image = "222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn/team/model:1"
    copy = in_target(image, source=dev, target=qa, copy_images=True)
    assert copy == f"333333333333.dkr.ecr.cn-north-1.amazonaws.com.cn/promote/team/model@{DIGEST}"


def test_a_repository_has_its_arn() -> None:
    image = Image(registry="r", repository="team/model", account="2", region="us-east-1")
    assert image.repository_arn == "arn:aws:ecr:us-east-1:2:repository/team/model"
