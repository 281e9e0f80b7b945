"""Everything that a model can consist of arrives whole, and is addressed in the target."""

from __future__ import annotations

import json
from typing import Any

from lambdas.promotion.settings import Settings
from tests.workflow.given import APPLICATION, INFERENCE, Ended, World, input_of, transfers_of

ARRIVED = "s3://promote-qa-333333333333-us-east-1/artifacts/text-classifier/qa/"


def tree(name: str) -> dict[str, bytes]:
    """The files of a model that answers with this name."""
    return {"weights.json": json.dumps({"name": name}).encode(), "code/inference.py": INFERENCE}


def data_source(uri: str) -> dict[str, Any]:
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}}


def bare(world: World, name: str, **changes: Any) -> dict[str, Any]:
    """A container without archives."""
    return world.container(name, **{"ModelDataUrl": None, "Environment": {"MOOD": "calm"}, **changes})


def described(world: World, ended: Ended, environment: str = "qa") -> dict[str, Any]:
    found: dict[str, Any] = world.client("sagemaker", environment).describe_model(ModelName=ended.model)
    return found


def copies(world: World, ended: Ended) -> dict[str, str]:
    """The keys that were resolved, with those in the target."""
    transfers = transfers_of(world, input_of(world, ended.arn, "Verify the artifacts"))
    return {transfer.artifact.source.key: transfer.artifact.key for transfer in transfers}


def test_an_uncompressed_prefix_goes_from_dev_to_qa_and_on_to_production(world: World) -> None:
    files = tree("tree") | {"a/b.bin": b"", "a/c d/ü+%.bin": b"1"}
    source = data_source(world.upload_tree(files))
    in_qa = world.promoted(world.model(container=bare(world, "tree", ModelDataSource=source)))
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa.model))

    assert ended.status == "SUCCEEDED", ended.cause
    assert (ended.output["artifacts_copied"], ended.output["artifacts_proved"]) == (4, 4)
    for environment, one in (("qa", in_qa), ("production", ended)):
        container = described(world, one, environment)["PrimaryContainer"]
        folder = container["ModelDataSource"]["S3DataSource"]["S3Uri"].partition("/artifacts/")[2]
        there = [key.partition(folder)[2] for key in world.artifacts_in(environment) if folder in key]
        assert sorted(there) == sorted(files)
        assert world.ask(environment)["model"] == "tree"


def test_several_containers_arrive_in_their_order(world: World) -> None:
    first, second = world.container("first"), world.container("second")
    ended = world.promoted(world.model(Containers=[first, second], InferenceExecutionConfig={"Mode": "Serial"}))

    found = described(world, ended)
    assert found["InferenceExecutionConfig"] == {"Mode": "Serial"}
    assert all(container["ModelDataUrl"].startswith(ARRIVED) for container in found["Containers"])
    assert ended.output["artifacts_copied"] == 4
    # The second is asked what the first has answered.
    answer = world.ask("qa")
    assert (answer["model"], json.loads(answer["asked"])["model"]) == ("second", "first")


def test_an_object_that_two_containers_share_is_copied_once(world: World) -> None:
    container = world.container("twin")
    ended = world.promoted(world.model(Containers=[container, container]))

    assert ended.output["artifacts_copied"] == 2
    one, other = described(world, ended)["Containers"]
    assert one["ModelDataUrl"] == other["ModelDataUrl"]


def test_additional_data_sources_arrive_with_their_channels(world: World) -> None:
    draft = {"ChannelName": "draft", **data_source(world.upload_tree({"draft.bin": b"1", "more/draft.bin": b"2"}))}
    container = bare(
        world,
        "main",
        ModelDataSource=data_source(world.upload_tree(tree("main"))),
        AdditionalModelDataSources=[draft],
    )
    ended = world.promoted(world.model(container=container))

    (found,) = described(world, ended)["PrimaryContainer"]["AdditionalModelDataSources"]
    assert found["ChannelName"] == "draft"
    assert found["S3DataSource"]["S3Uri"].startswith(ARRIVED)
    assert ended.output["artifacts_copied"] == 4


def test_the_models_of_a_multi_model_container_arrive(world: World) -> None:
    """Whether they are served is SageMaker's: the sandbox has no multi-model endpoints."""
    models = world.upload_tree({"one.tar.gz": b"1", "two.tar.gz": b"2"})
    container = world.container("many", ModelDataUrl=models, Mode="MultiModel")
    ended = world.promote(world.model(container=container))

    promotion = input_of(world, ended.arn, "Create the endpoint configuration")
    found = world.client("sagemaker", "qa").describe_model(ModelName=promotion.wanted_model.name)["PrimaryContainer"]
    assert found["Mode"] == "MultiModel"
    assert found["ModelDataUrl"].startswith(ARRIVED)
    assert found["ModelDataUrl"].endswith("/")
    assert len(copies(world, ended)) == 3


def test_addresses_in_a_variable_are_copied_and_rewritten_where_they_stand(world: World) -> None:
    one, other = world.upload("one.bin", b"1"), world.upload("other.bin", b"2")
    tokenizer = world.upload_tree({"vocab.json": b"{}", "a//b": b"odd", "folder/": b""})
    container = world.container("addressed")
    container["Environment"] |= {"FILES": json.dumps({"a": one, "b": other}), "HF_MODEL_ID": tokenizer}
    ended = world.promoted(world.model(container=container))

    environment = described(world, ended)["PrimaryContainer"]["Environment"]
    files = json.loads(environment["FILES"])
    assert [address.startswith(ARRIVED) for address in files.values()] == [True, True]
    assert files["a"].endswith("/one.bin")
    assert environment["HF_MODEL_ID"].startswith(ARRIVED)
    folder = environment["HF_MODEL_ID"].partition("/artifacts/")[2]
    there = [key.partition(folder)[2] for key in world.artifacts_in("qa") if folder in key]
    assert sorted(there) == ["a//b", "folder/", "vocab.json"]


def test_a_manifest_is_rewritten_and_what_it_names_is_copied(world: World) -> None:
    weights = world.upload_tree(tree("listed"))
    named = world.upload("adapter.bin", b"3")
    manifest = world.upload("manifest.csv", f"path\n{named}\n".encode())
    source = data_source(weights)
    source["S3DataSource"]["ManifestS3Uri"] = manifest
    ended = world.promoted(world.model(container=bare(world, "listed", ModelDataSource=source)))

    address = described(world, ended)["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]["ManifestS3Uri"]
    bucket, _, key = address.removeprefix("s3://").partition("/")
    text = world.client("s3", "qa").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert address.startswith(ARRIVED)
    assert text.splitlines()[1].startswith(ARRIVED)
    assert text.splitlines()[1].endswith("/adapter.bin")
    assert ended.output["artifacts_copied"] == 4


def test_a_vpc_is_exchanged_for_the_stages_own(world: World, deployed_settings: Settings) -> None:
    theirs = {"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-12345678"]}
    ours = {"SecurityGroupIds": ["sg-0fedcba9"], "Subnets": ["subnet-0fedcba9", "subnet-1fedcba9"]}

    def with_vpc(settings: dict[str, Any]) -> None:
        vpc = {"security_group_ids": ours["SecurityGroupIds"], "subnets": ours["Subnets"]}
        settings["applications"][APPLICATION]["stages"]["qa"]["vpc"] = vpc

    with world.configured(with_vpc, deployed_settings):
        ended = world.promoted(world.model(VpcConfig=theirs))

    assert described(world, ended)["VpcConfig"] == ours


def test_variables_are_what_the_stage_says(world: World, deployed_settings: Settings) -> None:
    container = world.container("configured")
    container["Environment"] |= {"HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz", "DATABASE": "222222222222/db", "OLD": "x"}

    def with_variables(settings: dict[str, Any]) -> None:
        settings["applications"][APPLICATION]["stages"]["qa"]["variables"] = {
            "set": {"STAGE": "qa"},
            "replace": {"HF_TOKEN": "from-the-vault", "NOWHERE": "1"},
            "drop": ["OLD"],
            "keep": ["DATABASE"],
        }

    with world.configured(with_variables, deployed_settings):
        ended = world.promoted(world.model(container=container))

    environment = described(world, ended)["PrimaryContainer"]["Environment"]
    expected = {"STAGE": "qa", "HF_TOKEN": "from-the-vault", "DATABASE": "222222222222/db", "MOOD": "sunny"}
    assert {name: environment[name] for name in expected} == expected
    assert not {"OLD", "NOWHERE"} & set(environment)
