"""`make sdk-drift`: each change of the SDK's models that concerns a call is decided, or printed with its place."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, StructureShape

from tests import PROJECT
from tests.sdk_drift import __main__ as command
from tests.sdk_drift import decisions, report, sdk
from tests.sdk_drift.calls import CALLS
from tests.sdk_drift.changes import Change, changes
from tests.sdk_drift.decisions import Decision, Decisions
from tests.unit.builders import api

SERVICE = "application-autoscaling"
Model = dict[str, Any]


@cache
def described() -> Model:
    model: Model = Loader().load_service_model(SERVICE, "service-2")
    return model


def altered(alter: Callable[[Model], Any]) -> ServiceModel:
    model = deepcopy(described())
    alter(model)
    return ServiceModel(model, SERVICE)


def found_changes(alter: Callable[[Model], Any], *, reverse: bool = False) -> dict[tuple[str, str], frozenset[str]]:
    """Return the changes of an altered model with their operations; `reverse`: those that take the alteration back."""
    versions = (ServiceModel(described(), SERVICE), altered(alter))
    old, new = reversed(versions) if reverse else versions
    return {(change.subject, change.text): of for change, of in changes(SERVICE, CALLS[SERVICE], old, new).items()}


def shape(name: str, **more: Any) -> Callable[[Model], None]:
    return lambda model: model["shapes"][name].update(more)


def field(structure: str, name: str, of: str) -> Callable[[Model], None]:
    return lambda model: model["shapes"][structure]["members"].update({name: {"shape": of}})


def value(name: str, text: str) -> Callable[[Model], None]:
    return lambda model: model["shapes"][name]["enum"].append(text)


def error(operation: str, name: str) -> Callable[[Model], None]:
    def alter(model: Model) -> None:
        model["shapes"][name] = {"type": "structure", "members": {}, "exception": True}
        model["operations"][operation]["errors"].append({"shape": name})

    return alter


def operation(name: str, *, like: str) -> Callable[[Model], None]:
    return lambda model: model["operations"].update({name: {**model["operations"][like], "name": name}})


def new_structure(model: Model) -> None:
    model["shapes"]["BrandNew"] = {"type": "structure", "members": {"Deep": {"shape": "XmlString"}}}
    field("SuspendedState", "BrandNew", "BrandNew")(model)


REGISTER, DESCRIBE = "RegisterScalableTarget", "DescribeScalableTargets"
ALTERATIONS: list[tuple[Callable[[Model], None], str, str, set[str]]] = [
    (field("ScalableTarget", "BrandNew", "XmlString"), "ScalableTarget", "field BrandNew", {DESCRIBE}),
    (field("SuspendedState", "BrandNew", "XmlString"), "SuspendedState", "field BrandNew", {DESCRIBE, REGISTER}),
    (new_structure, "SuspendedState", "field BrandNew", {DESCRIBE, REGISTER}),
    (value("PolicyType", "Guessing"), "PolicyType", "value Guessing", {"DescribeScalingPolicies", "PutScalingPolicy"}),
    (error(REGISTER, "NotToday"), REGISTER, "error NotToday", {REGISTER}),
    (operation("PauseScaling", like=REGISTER), "PauseScaling", "operation", {"PauseScaling"}),
]


@pytest.mark.parametrize(("alter", "subject", "text", "operations"), ALTERATIONS)
def test_what_was_added_or_removed_is_a_change(
    alter: Callable[[Model], None], subject: str, text: str, operations: set[str]
) -> None:
    assert found_changes(alter) == {(subject, f"+ {text}"): operations}
    if text != "operation":
        assert found_changes(alter, reverse=True) == {(subject, f"- {text}"): operations}


def test_an_operation_that_is_called_and_no_longer_there_is_a_change() -> None:
    assert found_changes(lambda model: model["operations"].pop(REGISTER)) == {(REGISTER, "- operation"): {REGISTER}}
    assert found_changes(lambda model: model["operations"].pop(REGISTER), reverse=True) == {
        (REGISTER, "+ operation"): {REGISTER}
    }
    assert found_changes(lambda model: model["operations"][REGISTER].update(deprecated=True)) == {
        (REGISTER, "+ deprecated"): {REGISTER}
    }


@pytest.mark.parametrize(
    ("name", "limits", "text"),
    [
        ("ResourceIdMaxLen1600", {"max": 2000}, "max 1600 => 2000"),
        ("ResourceIdMaxLen1600", {"min": 2}, "min 1 => 2"),
        ("PolicyName", {"pattern": "a+"}, r"pattern \p{Print}+ => a+"),
        ("TagKey", {"max": 2000}, "max 128 => 2000"),
        ("TagValue", {"max": 2000}, "max 256 => 2000"),
    ],
)
def test_another_limit_is_a_change(name: str, limits: dict[str, Any], text: str) -> None:
    assert set(found_changes(shape(name, **limits))) == {(name, text)}


def test_another_type_is_a_change() -> None:
    assert ("ResourceCapacity", "type integer => string") in found_changes(shape("ResourceCapacity", type="string"))


def test_a_field_that_becomes_required_is_a_change_of_a_request_only() -> None:
    required = [*described()["shapes"]["RegisterScalableTargetRequest"]["required"], "MinCapacity"]
    assert found_changes(shape("RegisterScalableTargetRequest", required=required)) == {
        ("RegisterScalableTargetRequest", "+ required MinCapacity"): {REGISTER}
    }
    required = described()["shapes"]["ScalableTarget"]["required"]
    assert found_changes(shape("ScalableTarget", required=[*required, "SuspendedState"])) == {}


def test_a_change_of_what_nothing_calls_or_of_a_name_or_a_text_is_none() -> None:
    assert found_changes(field("ScalingActivity", "BrandNew", "XmlString")) == {}
    assert found_changes(operation("GetWeather", like=REGISTER)) == {}
    assert found_changes(shape("SuspendedState", documentation="Another text.")) == {}

    def rename(model: Model) -> None:
        model["shapes"]["Renamed"] = model["shapes"]["SuspendedState"]
        field("ScalableTarget", "SuspendedState", "Renamed")(model)

    assert found_changes(rename) == {}


# The table

TABLE = decisions.read()
NEW = Change(SERVICE, "SuspendedState", "+ field BrandNew")
OPERATIONS = {NEW: frozenset({DESCRIBE, REGISTER})}


def table(*decided: Change) -> Decisions:
    return Decisions("1.0.0", "1.0.1", {change: Decision("carried", "It is put again.") for change in decided})


def printed(table: Decisions, concerned: dict[Change, frozenset[str]] = OPERATIONS, **more: Any) -> list[str]:
    return list(report.lines(table, concerned, **{"newest": "1.0.1", "every": False, **more}))


def test_an_undecided_change_is_printed_with_its_place() -> None:
    assert printed(table()) == [
        "botocore 1.0.1 against 1.0.0: 1 changes of what is called, 1 undecided.",
        SERVICE,
        "  SuspendedState (DescribeScalableTargets, RegisterScalableTarget)",
        "    + field BrandNew",
        "      decide in stacks/config/stage/autoscaling.py, lambdas/promotion/scaling/client.py",
        "Decide on each there, then in tests/sdk_drift/decisions.yaml.",
    ]


def test_a_decided_change_does_not_come_again() -> None:
    assert printed(table(NEW)) == ["botocore 1.0.1 against 1.0.0: 1 changes of what is called, 0 undecided."]
    assert printed(table(NEW), every=True)[3:] == ["    + field BrandNew", "      carried: It is put again."]


def test_a_decision_on_no_change_is_printed() -> None:
    assert printed(table(NEW), {})[1:] == [f"Not a change any more: {SERVICE} SuspendedState + field BrandNew"]


def test_a_newer_sdk_without_undecided_changes_is_to_be_carried() -> None:
    assert printed(table(NEW), newest="1.0.2")[-1].endswith("to 1.0.2.")


@pytest.mark.parametrize(
    ("subject", "text", "operation", "place"),
    [
        ("Invoke", "+ error NotToday", "Invoke", decisions.ERRORS),
        ("KeyState", "+ value Lost", "DescribeKey", decisions.VALUES),
        ("EndpointName", "max 63 => 64", "UpdateEndpoint", decisions.LIMITS),
        ("KeyMetadata", "+ field BrandNew", "DescribeKey", "lambdas/promotion/preflight/queries.py"),
        ("ProductionVariant", "+ field BrandNew", "CreateEndpointConfig", "stacks/config/stage"),
        ("DescribeModelOutput", "+ field BrandNew", "DescribeModel", "lambdas/promotion/model/supported_fields.py"),
    ],
)
def test_the_place_is_the_list_or_the_caller(subject: str, text: str, operation: str, place: str) -> None:
    assert decisions.places(Change("service", subject, text), [operation])[0] == place


def test_each_place_exists_and_each_call_has_one() -> None:
    places = {place for places in decisions.LISTS.values() for place in places}
    assert [
        place
        for place in {*places, decisions.ERRORS, decisions.VALUES, decisions.LIMITS}
        if not (PROJECT / place).exists()
    ] == []
    called = {operation for operations in CALLS.values() for operation in operations}
    assert decisions.LISTS.keys() <= called
    assert [operation for operation in called if not decisions.callers(operation)] == []


def test_the_table_was_compared_with_the_sdk_that_the_lambdas_carry() -> None:
    """After `make sdk-drift`, which needs the network: nothing is undecided in the version that is pinned."""
    assert TABLE.version == botocore.__version__


def test_each_decision_has_an_outcome_and_a_sentence() -> None:
    assert {decision.outcome for decision in TABLE.table.values()} <= set(decisions.OUTCOMES)
    assert [decision.reason for decision in TABLE.table.values() if not decision.reason.endswith(".")] == []


@pytest.mark.parametrize("change", TABLE.table, ids=str)
def test_each_addition_that_was_decided_is_one_of_the_sdk(change: Change) -> None:
    model, (sign, *rest) = api(change.service), change.text.split()
    if sign != "+":
        return
    kind, name = rest[0], rest[-1]
    if kind in ("operation", "error"):
        assert change.subject in model.operation_names
        errors = model.operation_model(change.subject).error_shapes
        codes = {error.metadata.get("error", {}).get("code", error.name) for error in errors}
        assert kind == "operation" or name in codes
    else:
        subject = model.shape_for(change.subject)
        names = subject.members if isinstance(subject, StructureShape) else subject.metadata["enum"]
        assert name in names


@pytest.mark.parametrize("undecided", [True, False])
def test_the_command_fails_if_a_change_is_undecided(
    undecided: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Versions:
        version = "1.0.1"

        def __init__(self, alter: Callable[[Model], None]) -> None:
            self._alter = alter

        def api(self, service: str) -> ServiceModel:
            return altered(self._alter) if service == SERVICE else api(service)

    monkeypatch.setattr(sdk, "of_version", lambda _: Versions(lambda _: None))
    monkeypatch.setattr(sdk, "newest", lambda: Versions(field("SuspendedState", "BrandNew", "XmlString")))
    monkeypatch.setattr(decisions, "read", lambda: table(*[] if undecided else [NEW]))
    assert command.main([]) == undecided
    assert ("+ field BrandNew" in capsys.readouterr().out) is undecided


def test_a_version_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "botocore").symlink_to(Path(botocore.__file__).parent)
    other = sdk.Sdk(tmp_path)
    assert other.version == botocore.__version__
    assert other.api(SERVICE).operation_names == api(SERVICE).operation_names
