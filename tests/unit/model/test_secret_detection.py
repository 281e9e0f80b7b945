"""What looks like a secret: enough to stop most of them, and not what every model has."""

from __future__ import annotations

import time

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
        "GITHUB_REPO",
        "HTTP_PROXY",
        "REDIS_PORT",
        "AUTH_MODULE",
        "USER_AGENT",
        "SUBTOKEN",
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


# The other side: what is carried because it is no secret, and what is not because it is one.

# detect-secrets 1.5.0, plugins/keyword.py: DENYLIST.
KEYWORDS = [
    *("apikey", "api_key", "appkey", "app_key", "authkey", "auth_key", "servicekey", "service_key", "applicationkey"),
    *("application_key", "accountkey", "account_key", "dbkey", "db_key", "databasekey", "database_key", "clientkey"),
    *("client_key", "aws_secret_access_key", "db_pass", "password", "passwd", "pass", "pwd", "private_key"),
    *("privatekey", "priv_key", "privkey", "secret", "secrete", "secreto", "keypass", "token", "contrasena"),
]


@pytest.mark.parametrize("name", KEYWORDS)
@pytest.mark.parametrize("form", ["{}", "MY_{}", "{}_2", "{}_PROD"])
def test_every_keyword_of_detect_secrets_is_a_secret(name: str, form: str) -> None:
    if (name, form) != ("pass", "{}_PROD"):
        assert secret_detection.kind_of_secret(form.format(name), "something") == "a secret, by its name"


@pytest.mark.parametrize(
    "name",
    [
        *("PGPASSWORD", "MYSQLPASSWORD", "PgPassword", "DB_PASS", "SMTP_PASS", "DBPASS", "MYSQL_PWD", "DBPWD"),
        *("CLIENTSECRET", "SECRET_KEY_BASE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "ACCESSTOKEN", "hftoken"),
        *("API_KEYS", "AUTH_TOKENS", "GITHUB_PAT", "REDIS_AUTH", "GCP_CREDS", "WANDB_API_KEY", "OPENAI_KEY"),
        *("VAULT_SECRET", "SECRET_PROD_NAME_2_PASSWORD", "POOLING_API_KEY", "SPLIT_AUTH_TOKEN", "TOKEN_SECRET"),
        *("DB_PASSWORD_PROD", "TOKEN_GITHUB", "USER_TOKEN", "VAULT_SECRET_ID", "VAULT_TOKEN", "db-password"),
    ],
)
def test_more_names_of_secrets(name: str) -> None:
    assert secret_detection.kind_of_secret(name, "something") == "a secret, by its name"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_NAME", "prod/db"),
        ("DB_SECRET_NAME", "prod/db"),
        ("SECRET_ID", "prod/db"),
        ("SECRET_REGION", "eu-west-1"),
        ("SECRETS_MANAGER_ENDPOINT", "https://vpce"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("PASSWORD_PARAMETER", "/prod/db/password"),
        ("TOKEN_URL", "https://login.example.com/oauth"),
        ("TOKEN_TYPE", "Bearer"),
        ("TOKEN_POOLING", "cls"),
        ("TOKEN_TYPE_VOCAB", "small"),
        ("TOKEN_CLASSIFICATION", "simple"),
        ("SPLIT_TOKEN", "###"),
        ("MY_TOKEN", "###"),
        ("MY_TOKEN", "<|endoftext|>"),
        ("MY_TOKEN", "[CUT]"),
        ("MY_TOKEN", "</s>"),
        ("IMAGE_TOKEN", "img"),
        ("PADDING_TOKEN", "pad"),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", "{{resolve:secretsmanager:prod/db}}"),
        ("DB_PASSWORD", "********"),
        ("FORWARD_PASS", "fp16"),
        ("BYPASS", "cache"),
        ("PASS_THROUGH", "columns"),
        ("OLDPWD", "/"),
        ("CACHE_KEY", "model"),
        ("CLIENT_KEY", "/etc/ssl/client.key"),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("OUTPUT_TOKEN", "x"),
        ("TOKEN_PATTERN", "a+"),
        ("PUBLIC_KEY", "abc"),
        ("KMS_KEY_ID", "alias/a"),
        ("COST_PER_TOKEN", "low"),
        ("PATH_PATTERN", "x"),
        ("VAULT_SECRET_PATH", "secret/data/db"),
        ("VAULT_TOKEN_TTL", "1h"),
        ("SECRET_ARN_PREFIX", "prod-"),
        ("POOLING_TOKEN", "cls"),
        ("TOKEN_AGGREGATION", "simple"),
        ("TOKEN_CLASSIFIER", "ner-v1"),
        ("TOKEN_MERGE", "average"),
        ("TOKEN_BUCKET_RATE", "fast"),
        ("VISION_TOKEN", "img"),
        ("SUBWORD_TOKEN_PREFIX", "Ġ"),
    ],
)
def test_what_is_said_of_a_secret_or_is_a_token_of_text_is_none(name: str, value: str) -> None:
    assert secret_detection.kind_of_secret(name, value) is None


@pytest.mark.parametrize(
    "value",
    [
        "Server=db;Uid=app;Pwd=" + "hunter2;",
        "Server=db;User Id=app;Password=" + "hunter2",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "abc123==",
        "Endpoint=sb://a/;SharedAccessKeyName=a;SharedAccessKey=" + "abc123=",
        '{"user": "app", "password": "' + 'hunter2"}',
        "{'api_key': '" + "abc'}",
        "user: app\npassword: " + "hunter2",
        "--model a --api-key=" + "abc --retries 2",
        "https://example.com/hook?access_token=" + "abc",
        "Authorization: Bearer " + "abcdefgh12345678",
    ],
)
def test_a_field_of_a_value_may_be_a_secret(value: str) -> None:
    looks_like = secret_detection.kind_of_secret("SETTING", value)
    assert looks_like
    assert "hunter2" not in looks_like


@pytest.mark.parametrize(
    "value",
    [
        '{"pad_token": "<pad>", "max_tokens": 512, "eos_token_id": 2, "tokenizer": "fast"}',
        '{"secret_name": "prod/db", "password_file": "/run/db"}',
        "--token-pooling=cls --split-token=### --max-tokens=12",
        "postgresql://app:${DB_PASSWORD}@host/db",
        "Pwd=;Uid=app",
        "key=value;other=1",
        "bearer of bad news",
        "basic_tokenizer",
    ],
)
def test_a_usual_text_with_fields_is_no_secret(value: str) -> None:
    assert secret_detection.kind_of_secret("SETTING", value) is None


TOKENS = [
    *("gldt-" + "a1" * 10, "glrt-" + "a1" * 10, "gsk_" + "a1" * 20, "sk_live_" + "a1" * 12, "npm_" + "a1" * 18),
    *("SG." + "a1" * 11 + "." + "b2" * 21 + "c", "dapi" + "a1" * 16, "hvs." + "a1" * 12, "nvapi-" + "a1" * 12),
    *(
        "ABIA" + "ABCDEFGH12345678",
        "ya29." + "a1" * 12,
        "xapp-" + "1-A1B2-34-b3",
        "AC" + "a1" * 16,
        "a1" * 16 + "-us12",
    ),
    *("https://hooks." + "slack.com/services/T1/B2/c3", "12345678:" + "a1_-b" * 7, "LS0tLS1CRUdJTi" + "BSU0EgUFJJ"),
    *("pypi-AgE" + "a1" * 30, "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----", "api_org_" + "aB" * 17),
]


@pytest.mark.parametrize("value", TOKENS)
def test_the_tokens_of_many_issuers_are_recognized(value: str) -> None:
    assert secret_detection.kind_of_secret("SETTING", f"x={value}") is not None


@pytest.mark.parametrize(
    "value",
    [
        *("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", "LS0tLS1CRUdJTiBQVUJMSUMgS0VZ", "a1" * 20, "ACCURACY" + "0" * 12),
        *("SGD.momentum", "skip-connections-16-layers-deep", "2026-11-30T10:00:00", "npm_config_cache"),
        *("127.0.0.1:8080", "sha256:" + "a1" * 32, "arn:partition", "m5-us12", "basic"),
    ],
)
def test_a_usual_value_that_resembles_a_token_is_none(value: str) -> None:
    assert secret_detection.kind_of_secret("SETTING", value) is None


@pytest.mark.parametrize(
    "part", ["a", "a ", "a=", "sk-a-", "a.", "://", "bearer ", '"', "eyJaaaaaaaa.", "{{", "[", "A1", " ", "_\n"]
)
def test_a_long_value_is_read_in_a_short_time(part: str) -> None:
    begun = time.process_time()
    secret_detection.kind_of_secret("TOKEN", part * (20_000 // len(part)) + "a")
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("value", ['{"password": "null"}', "{'password': 'none'}", 'password="true"'])
def test_a_field_with_a_harmless_value_is_no_secret(value: str) -> None:
    assert secret_detection.kind_of_secret("CONFIG", value) is None


def test_a_field_with_any_other_value_may_be_a_secret() -> None:
    assert secret_detection.kind_of_secret("CONFIG", "password=XX") == "a text with a secret, by the name of a field"
