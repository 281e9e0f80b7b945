"""Does the name of a variable, or of a field in its value, say that it holds a secret? Pure: no AWS calls.

The words are those of Yelp's detect-secrets (plugins/keyword.py, 1.5.0: DENYLIST), and of variables that are common in
containers. A name is read by its words: SECRET_NAME is the name of a secret, and PAD_TOKEN a token of a tokenizer.
"""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SHELL = {"PWD", "OLDPWD"}  # a shell's working directories

_SECRETS = {
    *("CREDENTIAL", "CREDENTIALS", "CREDS", "PASSCODE", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS", "PWD"),
    *("CONTRASENA", "SECRET", "SECRETE", "SECRETO", "SECRETS", "KEYPASS"),
}
# As the end of a longer word: PGPASSWORD, DBPWD.
_ENDINGS = ("CREDENTIALS", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS", "PWD", "SECRET")
# Before KEY: what a key opens, or who issues it.
_KEYS_OF = {
    *("ACCESS", "ACCOUNT", "ADMIN", "API", "APP", "APPLICATION", "AUTH", "CLIENT", "CONSUMER", "DATABASE", "DB"),
    *("DEPLOY", "ENCRYPTION", "HMAC", "INGESTION", "JWT", "LICENSE", "MASTER", "PRIV", "PRIVATE", "RSA", "SECRET"),
    *("SERVICE", "SIGNING", "SSH", "STORAGE", "SUBSCRIPTION", "VAULT"),
    *("ANTHROPIC", "COHERE", "GEMINI", "GROQ", "MISTRAL", "OPENAI", "PINECONE", "SENDGRID", "STRIPE", "WANDB"),
}
_TOKENS_OF = {
    *("ACCESS", "API", "APP", "AUTH", "BEARER", "CSRF", "GITHUB", "GITLAB", "HF", "ID", "JWT", "OAUTH", "REFRESH"),
    *("SECURITY", "SESSION", "SLACK", "USER", "VAULT"),
}
# Tokens of a tokenizer, not of a login (Hugging Face: special tokens).
_TOKENS_OF_TEXT = {
    *(
        "AUDIO",
        "BEGIN",
        "BOI",
        "BOS",
        "CLS",
        "DECODER",
        "DELIMITER",
        "DOC",
        "DOCUMENT",
        "END",
        "EOI",
        "EOS",
        "EOT",
        "ESCAPE",
    ),
    *(
        "FIRST",
        "FORCED",
        "IMAGE",
        "INPUT",
        "LANG",
        "LANGUAGE",
        "LAST",
        "MASK",
        "MAX",
        "MIN",
        "NEW",
        "NEWLINE",
        "NEXT",
        "NUM",
    ),
    *(
        "OUTPUT",
        "PAD",
        "PADDING",
        "PASSAGE",
        "PER",
        "PLACEHOLDER",
        "POOLING",
        "PREFIX",
        "PROMPT",
        "QUERY",
        "SENTINEL",
        "SEP",
        "SEPARATOR",
        "SPECIAL",
        "SPLIT",
    ),
    *("RESPONSE", "SPEAKER", "SUBWORD", "SUFFIX", "VISION"),
    *("START", "STOP", "SUB", "TASK", "TEXT", "THINK", "TOKENIZER", "TOOL", "UNK", "UNKNOWN", "VIDEO", "WORD"),
}
_LOGINS = {
    *("ADMIN", "AUTH", "DB", "DATABASE", "EMAIL", "FTP", "HTTP", "KEY", "LDAP", "MAIL", "MONGO", "MYSQL", "PG"),
    *("POSTGRES", "PROXY", "RABBITMQ", "REDIS", "ROOT", "SMTP", "SQL", "SSH", "USER"),
}
# A pass through data, not a password: FORWARD_PASS, ALLOW_PASS.
_RUNS = {
    "ALLOW",
    "BACKWARD",
    "BAND",
    "BY",
    "FIRST",
    "FORWARD",
    "HIGH",
    "LOW",
    "MULTI",
    "ONE",
    "SECOND",
    "SINGLE",
    "TWO",
}
_ISSUERS_OF_PAT = {"ADO", "AZURE", "DATABRICKS", "DEVOPS", "GIT", "GITHUB", "GITLAB"}
_USES_OF_AUTH = {"BASIC", "HTTP", "PROXY", "REDIS"}
# What is said of a secret, or of a token of text, and is none itself: where it is, how long it lives.
_DESCRIBES = {
    *("ARN", "ARNS", "BACKEND", "COLUMN", "DIR", "DIRECTORY", "ENDPOINT", "FIELD", "FILE", "FILENAME", "FOLDER"),
    *("HEADER", "HOST", "ID", "IDS", "MANAGER", "NAME", "NAMES", "PARAM", "PARAMETER", "PATH", "PROVIDER", "REGION"),
    *("SOURCE", "STAGE", "STORE", "URI", "URL", "VERSION", "LOCATION", "REF", "REFERENCE", "USERNAME"),
    *("AGE", "ALGORITHM", "COUNT", "ENABLED", "EXPIRATION", "EXPIRES", "EXPIRY", "FORMAT", "KIND", "LENGTH", "LIMIT"),
    *("MAX", "MIN", "MINUTES", "MODE", "POLICY", "PREFIX", "REQUIRED", "ROTATION", "SECONDS", "SIZE", "SUFFIX", "TTL"),
    *("TYPE", "TYPES", "BUDGET", "CLASSIFICATION", "DIM", "DROPOUT", "EMBEDDING", "EMBEDDINGS", "INDEX", "LOSS"),
    *("AGGREGATION", "BUCKET", "CACHE", "CLASSIFIER", "LABELS", "MERGE", "RATE"),
    *("BATCH", "FILTER", "LEN", "LEVEL", "MAP", "PATTERN", "RATIO", "REGEX", "WINDOW", "DELIMITER"),
    *("MASK", "MERGING", "OVERLAP", "POOLING", "POSITION", "PRUNING", "STRATEGY", "THRESHOLD", "TRUNCATION", "VOCAB"),
}


def is_secret(name: str) -> bool:
    """Whether a name such as DB_PASSWORD, pgPassword or api-key is that of a secret."""
    if name in _SHELL:
        return False
    words = [word.upper() for word in _WORDS.findall(name)]
    return any(
        _is_secret_word(*before_word_after) and not _is_described(words, *before_word_after[1:])
        for before_word_after in zip(["", *words], words, [*words[1:], ""], strict=False)
    )


def _is_described(words: list[str], word: str, after: str) -> bool:
    """Whether the name goes on with what is said of the secret. An access key's ID, and Vault's, are part of it."""
    is_part = after == "ID" and (word == "KEY" or "VAULT" in words)
    return not is_part and bool({after, words[-1]} & _DESCRIBES)


def _is_secret_word(before: str, word: str, after: str) -> bool:
    return (
        word in _SECRETS
        or (word not in _SHELL and word.endswith(_ENDINGS))
        or _is_key(before, word)
        or _is_token(before, word)
        or _is_pass(before, word, after)
        or (word == "PAT" and before in _ISSUERS_OF_PAT)
        or (word == "AUTH" and not after and before in _USES_OF_AUTH)
    )


def _is_key(before: str, word: str) -> bool:
    key = word.removesuffix("S")
    return (key == "KEY" and before in _KEYS_OF) or (key.endswith("KEY") and key.removesuffix("KEY") in _KEYS_OF)


def _is_token(before: str, word: str) -> bool:
    if word == "TOKEN":
        return before not in _TOKENS_OF_TEXT
    if word == "TOKENS":
        return before in _TOKENS_OF
    return word.endswith("TOKEN") and word.removesuffix("TOKEN") in _TOKENS_OF


def _is_pass(before: str, word: str, after: str) -> bool:
    if word == "PASS":
        return before in _LOGINS or (not after and before not in _RUNS)
    return word.endswith("PASS") and word.removesuffix("PASS") in _LOGINS
