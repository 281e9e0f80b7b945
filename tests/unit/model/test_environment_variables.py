"""Environment variables: kept, rewritten, mapped by the stage's configuration, or refused by their names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.contract.settings import Variables
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from lambdas.promotion.model.s3_uris import S3ReferenceKind
from tests.unit.builders import DEV, IMAGE, QA, STAGE, pipeline

SECRET = "hf_" + "aB" * 17
KEY = "arn:aws:kms:us-east-1:222222222222:key/0d1c2b3a"
OUR_KEY = "arn:aws:kms:us-east-1:333333333333:key/1d1c2b3a"
ADDRESS = "s3://models/a"


def adapted(*environments: dict[str, str], arns: dict[str, str] | None = None, **rules: Any) -> Definition:
    """Return a model whose containers have these variables, for a stage with these rules."""
    stage = replace(STAGE, variables=Variables(**rules), arns=arns or {})
    model = pipeline(*({"Image": IMAGE, "Environment": item} for item in environments))
    return definition.for_stage(model, stage=stage, source=DEV, target=QA, digests={}, subject="it")


def variables(environment: dict[str, str], **rules: Any) -> dict[str, str]:
    """Return what the variables become in the target, where every S3 URI is s3://target/..."""
    model = adapted(environment, **rules)
    uris = {item.uri: item.uri.replace("s3://models/", "s3://target/") for item in model.s3_references}
    request = definition.create_model_request(model, uris, name="n", execution_role_arn="r")
    result: dict[str, str] = request["Containers"][0].get("Environment", {})
    return result


def refusal(*environments: dict[str, str], **rules: Any) -> str:
    with pytest.raises(UnsupportedModel) as refused:
        adapted(*environments, **rules)
    return str(refused.value)


@pytest.mark.parametrize(
    "value", ["", "inference.py", "1", "/opt/ml/model", '{"a": [1, 2]}', "210987654321", "x" * 1024, "a\nb", "ünï"]
)
def test_a_value_without_reference_to_the_source_is_kept_unchanged(value: str) -> None:
    assert variables({"A": value}) == {"A": value}


@pytest.mark.parametrize(
    "value",
    [
        ADDRESS,
        "s3://models/a/",
        f"{ADDRESS},s3://models/b/",
        f'["{ADDRESS}", "s3://models/ab"]',
        f'{{"base": "{ADDRESS}", "adapters": {{"x": "s3://models/x/"}}}}',
        f"--model {ADDRESS} --tokenizer={ADDRESS}.json",
    ],
)
def test_every_s3_uri_in_a_value_is_copied_and_rewritten_at_its_position(value: str) -> None:
    assert variables({"A": value}) == {"A": value.replace("s3://models/", "s3://target/")}


def test_a_value_with_several_s3_uris_requires_each() -> None:
    assert {item.uri: item.kind for item in adapted({"A": f"{ADDRESS},s3://models/b/"}).s3_references} == {
        ADDRESS: S3ReferenceKind.EITHER,
        "s3://models/b/": S3ReferenceKind.PREFIX,
    }


@pytest.mark.parametrize(
    "value",
    ["s3://models", "s3a://models/a", "https://models.s3.amazonaws.com/a", "arn:aws:s3:::models/a", "S3://models/a"],
)
def test_another_spelling_of_an_s3_uri_is_refused_by_the_variables_name(value: str) -> None:
    assert "Containers[0].Environment.CONFIG (" in refusal({"CONFIG": value})


@pytest.mark.parametrize("value", ["222222222222", "account=222222222222;", "222222222222.dkr.ecr.us-east-1.x/y"])
def test_the_source_accounts_number_is_refused(value: str) -> None:
    assert "Environment.A (it contains the source's account ID 222222222222" in refusal({"A": value})


@pytest.mark.parametrize("value", ["2222222222221", "1222222222222", "333333333333", "s3://models/222222222222/x"])
def test_other_digits_are_not_the_source_accounts_number(value: str) -> None:
    assert variables({"A": value}) == {"A": value.replace("s3://models/", "s3://target/")}


def test_within_one_account_its_number_is_still_true() -> None:
    model = pipeline({"Image": IMAGE, "Environment": {"A": DEV.account}})
    twin = replace(QA, account=DEV.account)
    result = definition.for_stage(model, stage=STAGE, source=DEV, target=twin, digests={}, subject="it")
    assert result.containers == model.containers


# ARNs


@pytest.mark.parametrize("arn", [KEY, OUR_KEY, "arn:aws:iam::444444444444:role/x", "arn:aws-cn:sns:cn-north-1:1:t"])
def test_an_arn_of_any_account_is_refused_and_reported(arn: str) -> None:
    for text in (f"key is '{arn}'", f"The key is {arn}.", f"The key is {arn}X."):
        end = "X" * text.endswith("X.")
        assert f"Containers[0].Environment.A (it contains {arn}{end}: arns" in refusal({"A": text})


@pytest.mark.parametrize(("length", "ellipsis"), [(120, ""), (121, "\u2026")])
def test_a_long_arn_is_reported_in_short(length: int, ellipsis: str) -> None:
    arn = KEY.ljust(length, "x")
    assert f"(it contains {arn[:120]}{ellipsis}: arns" in refusal({"A": arn})


def test_an_arn_is_reported_as_one_whatever_the_variables_name() -> None:
    assert f"Environment.TOKEN (it contains {KEY}: arns" in refusal({"TOKEN": KEY})


def test_a_variable_after_one_that_is_trusted_is_checked() -> None:
    assert "Environment.B (it contains" in refusal({"A": KEY, "B": KEY}, keep=("A",))


@pytest.mark.parametrize("value", ["{}", "key: {}.", '{{"key": "{}"}}', "{},{}"])
def test_a_whole_arn_is_exchanged_wherever_it_stands(value: str) -> None:
    arns = {KEY: OUR_KEY}
    assert variables({"A": value.format(KEY, KEY)}, arns=arns) == {"A": value.format(OUR_KEY, OUR_KEY)}


@pytest.mark.parametrize("more", ["4", "/x", ":x", "-x", ".x", "*"])
def test_a_part_of_an_arn_is_not_exchanged(more: str) -> None:
    message = refusal({"A": f"{KEY}{more}", "B": KEY}, arns={KEY: OUR_KEY})
    assert f"Environment.A (it contains {KEY}{more}" in message
    assert "Environment.B" not in message


def test_the_longest_of_the_configured_arns_is_exchanged() -> None:
    arns = {KEY: OUR_KEY, f"{KEY}/alias": "arn:aws:kms:us-east-1:333333333333:alias/a"}
    assert variables({"A": f"{KEY}/alias {KEY}"}, arns=arns) == {"A": f"{arns[f'{KEY}/alias']} {OUR_KEY}"}


def test_awss_own_public_hub_is_kept() -> None:
    hub = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/m/1.0.0"
    for arn in (hub, f"{hub}:a", "arn:aws:iam::aws:policy/ReadOnlyAccess"):
        assert variables({"A": arn}) == {"A": arn}
    assert "Environment.A" in refusal({"A": hub.replace("us-east-1", "eu-west-1")})


# Secrets


def test_a_secret_is_refused_by_its_name_and_its_value_is_not_reported() -> None:
    message = refusal({"DB_PASSWORD": "open sesame", "SETTING": f"a {SECRET} arn:aws:iam::222222222222:role/x"})
    assert "Environment.DB_PASSWORD (it looks like a secret, by its name: variables.replace, drop or keep)" in message
    assert "Environment.SETTING (it looks like a Hugging Face token" in message
    assert "sesame" not in message
    assert SECRET not in message
    assert "222222222222" not in message


@pytest.mark.parametrize("value", [ADDRESS, KEY, f"{KEY} "])
def test_an_s3_uri_or_an_arn_is_no_secret_whatever_the_variables_name(value: str) -> None:
    expected = value.replace("s3://models/", "s3://target/").replace(KEY, OUR_KEY)
    assert variables({"TOKEN": value}, arns={KEY: OUR_KEY}) == {"TOKEN": expected}


# SAGEMAKER_REGION


@pytest.mark.parametrize("region", ["us-east-1", "", "222222222222"])
def test_the_region_follows_the_target(region: str) -> None:
    elsewhere = replace(QA, region="eu-west-1")
    model = pipeline({"Image": "team/model", "Environment": {"SAGEMAKER_REGION": region, "OTHER": "us-east-1"}})
    result = definition.for_stage(model, stage=STAGE, source=DEV, target=elsewhere, digests={}, subject="it")
    assert result.containers[0]["Environment"] == {"SAGEMAKER_REGION": "eu-west-1", "OTHER": "us-east-1"}


def in_europe(environment: dict[str, str], **rules: Any) -> dict[str, str]:
    stage = replace(STAGE, variables=Variables(**rules))
    europe = replace(QA, region="eu-west-1")
    model = pipeline({"Image": "team/model", "Environment": environment})
    result = definition.for_stage(model, stage=stage, source=DEV, target=europe, digests={}, subject="it")
    adapted_variables: dict[str, str] = result.containers[0]["Environment"]
    return adapted_variables


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_REGION", "AWS_DEFAULT_REGION", "SAGEMAKER_REGION", "REGION", "region", "REGION_NAME", "AWS_REGION_NAME"),
        *("S3_REGION", "s3_region_name", "awsRegion", "BEDROCK_REGION", "spark.hadoop.fs.s3.region"),
    ],
)
def test_a_variable_of_the_region_follows_the_target(name: str) -> None:
    assert in_europe({name: "us-east-1"}) == {name: "eu-west-1"}
    assert in_europe({name: "us-east-1"}, keep=(name,)) == {name: "us-east-1"}
    assert in_europe({name: "x"}, replace={name: "us-west-2"}) == {name: "us-west-2"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "us-west-2"),
        ("AWS_REGION", "us-east-1a"),
        ("AWS_REGIONS", "us-east-1"),
        ("REGION", "us-east-1,eu-central-1"),
        ("REGION", "Bavaria"),
        ("LEGION", "us-east-1"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "us-east-1"),
        ("TRAINED_IN", "us-east-1"),
    ],
)
def test_only_the_sources_region_as_a_whole_value_of_such_a_variable_follows(name: str, value: str) -> None:
    assert in_europe({name: value}) == {name: value}


# What the container writes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEURON_COMPILE_CACHE_URL", "s3://models/neuron-cache"),
        ("LOG_TEMPLATE", "s3://models/logs/%Y/%m/"),
        ("requestLogPath", "s3://models/logs/"),
        ("S3_OUTPUT_PATH", "s3://models/out/"),
        ("SETTINGS_OF_UPLOADS", '{"to": "s3://models/uploads/", "max": 3}'),
        ("METRICS_DESTINATION", "s3://models/metrics"),
    ],
)
def test_where_the_container_writes_is_refused_by_the_variables_name_and_mapped(name: str, value: str) -> None:
    message = refusal({name: value})
    assert f"Environment.{name} (by its name the container writes to s3://models/" in message
    assert "variables.replace, drop or keep" in message
    assert variables({name: value}, replace={name: "s3://other/logs/"}) == {name: "s3://other/logs/"}
    assert variables({name: value}, keep=(name,)) == {name: value}
    assert variables({name: value}, drop=(name,)) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_MODEL_ID", "s3://models/llm/"),
        ("CATALOG_URI", "s3://models/catalog/"),
        ("LOG_CONFIG", "s3://models/logging/"),
        ("LOGGING_CONF_FILE", "s3://models/log4j.properties"),
        ("FEATURE_CACHE", "s3://models/features.parquet"),
        ("OUTPUT_SCHEMA", "s3://models/schema/"),
        ("TEMPERATURE_TABLE", "s3://models/table"),
        ("CHECKPOINT_PATH", "s3://models/checkpoint/"),
    ],
)
def test_what_the_container_reads_is_copied(name: str, value: str) -> None:
    assert variables({name: value}) == {name: value.replace("s3://models/", "s3://target/")}


def test_a_region_is_not_added() -> None:
    assert variables({"A": "1"}) == {"A": "1"}


def test_a_configured_region_stays() -> None:
    assert variables({"SAGEMAKER_REGION": "x"}, keep=("SAGEMAKER_REGION",)) == {"SAGEMAKER_REGION": "x"}


# What the configuration does


def test_a_set_variable_is_in_every_container() -> None:
    result = adapted({"A": "1"}, {}, {"B": "old"}, set={"B": "2"})
    assert [item["Environment"] for item in result.containers] == [{"A": "1", "B": "2"}, {"B": "2"}, {"B": "2"}]


def test_a_replaced_variable_is_only_where_it_was() -> None:
    result = adapted({"A": "1"}, {"B": "old"}, replace={"B": "2"})
    assert [item.get("Environment") for item in result.containers] == [{"A": "1"}, {"B": "2"}]


def test_a_dropped_variable_is_nowhere() -> None:
    result = adapted({"A": "1", "TOKEN": SECRET}, {"TOKEN": ADDRESS}, drop=("TOKEN", "NOT_THERE"))
    assert [item.get("Environment") for item in result.containers] == [{"A": "1"}, None]
    assert result.s3_references == ()


@pytest.mark.parametrize("value", [SECRET, KEY, "222222222222", ADDRESS, f"{ADDRESS} {KEY}", "s3a://models/a"])
def test_a_kept_variable_is_kept_exactly(value: str) -> None:
    rules: dict[str, Any] = {"keep": ("TOKEN",), "arns": {KEY: OUR_KEY}}
    assert variables({"TOKEN": value}, **rules) == {"TOKEN": value}
    assert adapted({"TOKEN": value}, **rules).s3_references == ()


@pytest.mark.parametrize("fate", ["set", "replace"])
def test_values_from_the_configuration_are_trusted(fate: str) -> None:
    value = f"{SECRET} {KEY} {ADDRESS} 222222222222"
    assert variables({"TOKEN": "old"}, **{fate: {"TOKEN": value}}) == {"TOKEN": value}


def test_an_s3_uri_in_a_dropped_variable_is_not_copied() -> None:
    result = adapted({"A": ADDRESS, "B": f"{ADDRESS},s3://models/b"}, drop=("B",))
    assert [item.uri for item in result.s3_references] == [ADDRESS]


def test_more_variables_than_sagemaker_allows_are_refused() -> None:
    full = {f"V{number}": "" for number in range(100)}
    assert len(variables(full)) == 100
    assert len(variables(full, set={"V1": "x"})) == 100
    message = "Containers[1].Environment (101 with those of variables.set; SageMaker allows 100)"
    assert message in refusal({}, full, set={"MORE": "x"})


def test_a_refusal_stays_within_the_cause_limit() -> None:
    """API: SensitiveCause, 32,768 characters. Fifteen containers of a hundred variables may have 1,500 problems."""
    message = refusal(*[{f"LONG_NAME_OF_A_VARIABLE_{n}": "s3a://" for n in range(100)}] * 15)
    assert len(message) < 32_768
    count = message.count("it refers to S3")
    assert f"\n- and {1500 - count} more" in message


def test_every_problem_of_every_container_is_reported_at_once_with_what_would_carry_it() -> None:
    message = refusal({"A": "222222222222", "B": f"{KEY} s3a://x"}, {"TOKEN": SECRET, "C": "1"}, {"D": "s3://models"})
    locations = (
        "Containers[0].Environment.A",
        "[0].Environment.B (it contains",
        "[0].Environment.B (it refers to S3",
        "[1].Environment.TOKEN",
        "[2].Environment.D",
    )
    assert [location for location in locations if location not in message] == []
    assert "Environment.C" not in message
    assert message.startswith("it cannot be adapted to stage 'qa'")
    assert "promotion.yaml" in message


def test_a_uri_whose_end_cannot_be_told_is_refused_by_its_variable() -> None:
    value = "--weights=s3://models/runs/lr=0.1,bs=32/weights.bin --epochs=2"
    assert "Environment.ARGUMENTS (it refers to S3 ('s3://') other than by a complete" in refusal({"ARGUMENTS": value})


@pytest.mark.parametrize("key", ["runs/lr=0.1,bs=32/weights.bin", "my model/weights.bin", "a;b|c"])
def test_a_uri_that_is_the_whole_value_is_copied_and_rewritten_as_a_whole(key: str) -> None:
    assert variables({"A": f"s3://models/{key}"}) == {"A": f"s3://target/{key}"}
    assert variables({"A": f'{{"w": "s3://models/{key}"}}'}) == {"A": f'{{"w": "s3://target/{key}"}}'}
