"""What looks like a secret: enough to stop most of them, and not what every model has."""

from __future__ import annotations

import pytest

from lambdas.promotion.model import secret_detection


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "token",
        "hfToken",
        "DB_PASSWORD",
        "DB_PASSWORD_2",
        "PASSWD",
        "API_KEY",
        "APIKEY",
        "apiKey",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "PRIVATE_KEY",
        "CLIENT_SECRET",
        "GOOGLE_CREDENTIALS",
        "LICENSE_KEY",
    ],
)
def test_a_variable_may_be_a_secret_by_its_name(name: str) -> None:
    assert secret_detection.kind_of_secret(name, "something") == "a secret, by its name"


@pytest.mark.parametrize(
    "name",
    [
        "MAX_TOKENS",
        "MAX_TOTAL_TOKENS",
        "TOKENIZER",
        "TOKENIZERS_PARALLELISM",
        "EOS_TOKEN",
        "PAD_TOKEN",
        "OPTION_STOP_TOKEN_IDS",
        "KEY",
        "KEYWORDS",
        "PARTITION_KEY",
        "MONKEY",
        "COMPASS",
        "SECRETARY",
        "PWD",
        "SAGEMAKER_PROGRAM",
    ],
)
def test_a_usual_name_is_no_secret(name: str) -> None:
    assert secret_detection.kind_of_secret(name, "something") is None


@pytest.mark.parametrize("value", ["", " ", "1", "-2", "0.5", "true", "False", "none", "off"])
def test_a_number_or_a_switch_is_no_secret_whatever_its_name(value: str) -> None:
    assert secret_detection.kind_of_secret("TOKEN", value) is None


# Put together here, so that no scanner of repositories takes them for real ones.
SECRETS = [
    "AKIA" + "ABCDEFGH12345678",
    "x=ASIA" + "ABCDEFGH12345678,y",
    "-----BEGIN " + "RSA PRIVATE KEY-----",
    "-----BEGIN " + "PRIVATE KEY-----",
    "ghp_" + "a1" * 18,
    "github_pat_" + "a1" * 20,
    "glpat-" + "a1" * 10,
    "hf_" + "aB" * 17,
    "sk-" + "a1" * 20,
    "sk-proj-" + "a1_B" * 10,
    "AIza" + "a1-_x" * 7,
    "xoxb-" + "123456789012-abc",
    "Bearer eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0In0.sig",
    "postgresql://user:" + "word@host/db",
    "https://host/file?X-Amz-Expires=60&X-Amz-Signature=" + "abc",
]


@pytest.mark.parametrize("value", SECRETS)
def test_a_value_may_be_a_secret_under_any_name(value: str) -> None:
    looks_like = secret_detection.kind_of_secret("SETTING", value)
    assert looks_like
    assert value not in looks_like


@pytest.mark.parametrize(
    "value",
    [
        "inference.py",
        "/opt/ml/model/code",
        "hf_model",
        "meta-llama/Llama-3.1-8B",
        "sk-learn-text-classifier-v10",
        "sklearn",
        "sk-averylongwordwithoutdigits",
        "https://host:8080/path",
        "user@example.com",
        "a3f9" * 16,
        "AKIAshort",
        "eyJ.eyJ",
        '{"max_tokens": 4096, "dtype": "bf16"}',
    ],
)
def test_a_usual_value_is_no_secret(value: str) -> None:
    assert secret_detection.kind_of_secret("SETTING", value) is None
