"""Each recorded model that Promote can carry is read whole, and as it was made."""

from __future__ import annotations

import pytest

from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.model import definition
from recordings import store

DESCRIBED = {
    entry.name: entry
    for entry in store.of_operation("sagemaker/DescribeModel")
    if entry.response and not entry.partial and ("PrimaryContainer" in entry.response or "Containers" in entry.response)
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_recorded_model_is_carried_with_one_form_of_its_model_data_or_refused_by_name(name: str) -> None:
    described = store.response(f"sagemaker/DescribeModel/{name}")
    listed = described.get("Containers") or [described["PrimaryContainer"]]
    if any("ModelPackageName" in container for container in listed):
        pytest.skip("its containers are those of the package: test_package_containers.py")
    try:
        model = definition.of_model(described, {}, subject=name)
    except UnsupportedModel as refused:
        # Nothing but what the recording does not show may be missing.
        assert "Image (it is missing)" in str(refused), str(refused)
        return
    assert model.in_list is ("Containers" in described)
    for container in model.containers:
        assert not {"ModelDataUrl", "ModelDataSource"} <= set(container), "SageMaker's mirror is not sent back"


def test_a_mirrored_archive_is_one_reference() -> None:
    described = store.response("sagemaker/DescribeModel/recommendation-completed-and-empty-list")
    model = definition.of_model(described, {}, subject="m")
    assert [reference.uri for reference in model.s3_references] == [described["PrimaryContainer"]["ModelDataUrl"]]
    (container,) = model.containers
    assert "ModelDataSource" not in container
