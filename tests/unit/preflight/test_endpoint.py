"""What SageMaker excludes of an update (all of it: test_update_constraints.py) and of a serverless endpoint."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.contract.document import DesiredResource
from lambdas.promotion.contract.errors import IncompatibleRollout, NameTaken
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.preflight.checks import endpoint
from lambdas.promotion.preflight.context import NamedResource
from lambdas.promotion.preflight.findings import Finding
from tests.unit.builders import STAGE, observed, promotion
from tests.unit.preflight.builders import CANARY, current, desiring, variant


def test_what_the_live_endpoint_excludes_is_a_violation_with_its_own_name() -> None:
    stage = replace(STAGE, deployment_config=CANARY, endpoint_config={"ProductionVariants": [variant("B")]})
    new, now = replace(promotion(), stage=stage), current(variant("A"))
    (finding,) = endpoint.excluded(new, now)
    assert isinstance(finding, Finding)
    assert "Its variants are A and the stage's B" in str(finding)
    assert finding.error is IncompatibleRollout
    assert endpoint.excluded(new, None) == []
    assert endpoint.excluded(new, current(variant("B"))) == []
    assert endpoint.excluded(new, replace(now, observed=observed("Updating", variants=("A",)))) == []


def test_a_model_that_serverless_excludes_blocks_a_serverless_stage_and_a_serverless_preview() -> None:
    two = {"Containers": [{"Image": "i"}, {"Image": "i", "Mode": "MultiModel"}], "EnableNetworkIsolation": True}
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


# Names


def test_a_name_that_another_content_has_is_a_finding_with_its_own_name() -> None:
    desired, role = DesiredResource(name="m", request={}), "a role"
    taken = NamedResource(exists=True, conflict="It differs in Image.")
    (finding,) = endpoint.name_conflict("sagemaker:CreateModel", desired, taken, role=role)
    assert isinstance(finding, Finding)
    assert (finding.role, finding.resource, finding.error) == (role, "m", NameTaken)
    assert "It differs in Image." in finding.message
    for free in (NamedResource(), NamedResource(exists=True)):
        assert endpoint.name_conflict("sagemaker:CreateModel", desired, free, role=role) == []
