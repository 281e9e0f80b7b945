"""What SageMaker excludes of an update (all of it: test_update_constraints.py) and of a serverless endpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.promotion.contract.document import DesiredResource, VariantCapacity
from lambdas.promotion.contract.errors import IncompatibleRollout, NameTaken, UnsupportedModel
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.preflight.checks import endpoint
from lambdas.promotion.preflight.context import NamedResource
from lambdas.promotion.preflight.findings import Finding
from tests.unit.builders import IMAGE, OLD_CONFIG, REQUEST, STAGE, observed, promotion
from tests.unit.preflight.builders import CANARY, current, desiring, variant


def test_what_the_live_endpoint_excludes_is_a_violation_with_its_own_name() -> None:
    stage = replace(STAGE, deployment_config=CANARY, endpoint_config={"ProductionVariants": [variant("B")]})
    new, now = promotion(stage=stage), current(variant("A"))
    (finding,) = endpoint.excluded(new, now)
    assert isinstance(finding, Finding)
    assert "Its variants are A and those of the update B" in str(finding)
    assert finding.error is IncompatibleRollout
    assert endpoint.excluded(new, None) == []
    assert endpoint.excluded(new, current(variant("B"))) == []
    assert (
        endpoint.excluded(new, replace(now, observed=observed("Updating", capacities=(VariantCapacity(variant="A"),))))
        == []
    )


def test_a_rollback_is_judged_by_the_configuration_that_it_sends_not_by_the_stage_of_today() -> None:
    stage = replace(STAGE, deployment_config=CANARY, endpoint_config={"ProductionVariants": [variant("B")]})
    back = replace(desiring(variant("A")), stage=stage, request=replace(REQUEST, roll_back=True))
    assert endpoint.excluded(back, current(variant("A"))) == []
    (finding,) = endpoint.excluded(back, current(variant("B")))
    assert "Its variants are B and those of the update A" in str(finding)


def test_a_rollback_may_be_one_that_cannot_be_rolled_back_itself() -> None:
    live = current(variant("A", None))
    serverless = replace(live, observed=replace(live.observed, serverless=True))
    forward = desiring(variant("A"))
    assert "could not be rolled back" in str(endpoint.excluded(forward, serverless))
    assert endpoint.excluded(replace(forward, request=replace(REQUEST, roll_back=True)), serverless) == []


def test_an_endpoint_whose_configuration_was_deleted_cannot_be_updated() -> None:
    deleted = replace(current(variant("A")), request=None, reason="It was deleted.", config_deleted=True)
    (finding,) = endpoint.excluded(desiring(variant("A")), deleted)
    assert f"{OLD_CONFIG}, on which the endpoint reviews-qa is in service, was deleted" in str(finding)
    assert f"Create {OLD_CONFIG} again" in str(finding)
    ours = replace(deleted, config=desiring(variant("A")).desired_config.name)
    assert endpoint.excluded(desiring(variant("A")), ours) == []


def test_a_model_that_serverless_excludes_blocks_a_serverless_stage_and_a_serverless_preview() -> None:
    two = {"Containers": [{"Image": IMAGE}, {"Image": IMAGE, "Mode": "MultiModel"}], "EnableNetworkIsolation": True}
    plain, several = (
        desiring(variant()),
        replace(desiring(variant()), desired_model=DesiredResource(name="m", request=two)),
    )
    serverless = replace(several, desired_config=desiring(variant(kind=None)).desired_config)
    previewed = replace(several, stage=replace(several.stage, preview=Preview(serverless={"MemorySizeInMB": 1024})))
    assert endpoint.not_serverless(several) == []
    assert endpoint.not_serverless(replace(plain, stage=previewed.stage)) == []
    for excluded in (serverless, previewed):
        (finding,) = endpoint.not_serverless(excluded)
        assert "several containers, a container for several models (MultiModel), network isolation" in str(finding)


DEVS = "222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model:1"
QAS = "333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model:1"
OTHERS = "555555555555.dkr.ecr.us-east-1.amazonaws.com/team/model:1"
ALGORITHM = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"


@pytest.mark.parametrize(
    ("image", "remedy"),
    [(DEVS, "`copy_images: true`"), (OTHERS, "`images` of the stage"), (QAS, None), (IMAGE, None), (ALGORITHM, None)],
)
def test_a_serverless_stage_and_preview_take_images_of_the_targets_account_or_of_aws(
    image: str, remedy: str | None
) -> None:
    model = DesiredResource(name="m", request={"PrimaryContainer": {"Image": image}})
    plain = replace(desiring(variant()), desired_model=model)
    serverless = replace(plain, desired_config=desiring(variant(kind=None)).desired_config)
    previewed = replace(plain, stage=replace(plain.stage, preview=Preview(serverless={"MemorySizeInMB": 1024})))
    assert endpoint.not_serverless(plain) == []
    for of_serverless in (serverless, previewed):
        findings = endpoint.not_serverless(of_serverless)
        assert len(findings) == (remedy is not None)
        assert all(f"the image {image} is neither" in str(finding) for finding in findings)
        assert all(remedy and remedy in str(finding) for finding in findings)
        assert all(("copy_images" in str(finding)) is (image == DEVS) for finding in findings)


# Names


def test_a_name_that_another_content_has_is_a_finding_with_its_own_name() -> None:
    desired, role = DesiredResource(name="m", request={}), "a role"
    taken = NamedResource(exists=True, conflict="It differs in Image.")
    unknown = NamedResource(exists=True, conflict="It cannot be compared.", error=UnsupportedModel)
    (finding,) = endpoint.name_conflict("sagemaker:CreateModel", desired, taken, role=role)
    assert isinstance(finding, Finding)
    assert (finding.role, finding.resource, finding.error) == (role, "m", NameTaken)
    assert "It differs in Image." in finding.message
    (uncertain,) = endpoint.name_conflict("sagemaker:CreateModel", desired, unknown, role=role)
    assert isinstance(uncertain, Finding)
    assert uncertain.error == UnsupportedModel
    for free in (NamedResource(), NamedResource(exists=True)):
        assert endpoint.name_conflict("sagemaker:CreateModel", desired, free, role=role) == []
