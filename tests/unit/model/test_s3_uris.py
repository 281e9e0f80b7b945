"""S3 URIs in a text: their exact beginning and end, and no partial URI without an error."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable

import pytest

from lambdas.promotion.model import arn_mapping, s3_uris
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind

A, B, BRACKETS = "s3://models/a.tar.gz", "s3://models/b/", "s3://models/a(1)"


def uris(text: str) -> list[str]:
    return [uri for _, uri in s3_uris.in_text(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A, [A]),
        (B, [B]),
        (f"{A},{B}", [A, B]),
        (f"{A};{B}", [A, B]),
        (f"{A} {B}\n", [A, B]),
        (f"{A}:{B}", [A, B]),
        (f"{A}|{B}", [A, B]),
        (f'["{A}", "{B}"]', [A, B]),
        (f"{{'model': '{A}'}}", [A]),
        (f'{{\\"model\\": \\"{A}\\"}}', [A]),
        (f"{{model:{A}}}", [A]),
        (f"--model={A} --data={B}", [A, B]),
        (f"The model ({A}) needs {B}.", [A, B]),
        (f"See {A}.", [A]),
        (f"<{A}>", [A]),
        (f"{A}\\nnext", [A]),
        (f"{A}, {B}", [A, B]),
        (f"{A}:{B} ", [A, B]),
        (f":// {A}:{B}", [A, B]),
        (f'"{A}\nb"', [A]),
        (f"See {BRACKETS} now", [BRACKETS]),
        (f":) See {BRACKETS} now :)", [BRACKETS]),
        (f"(({BRACKETS}))", [BRACKETS]),
        (f"({A}) (b)", [A]),
        ("s3://models//a", ["s3://models//a"]),
        ("s3://models/a(1).tar.gz", ["s3://models/a(1).tar.gz"]),
        ("s3://models/a.", ["s3://models/a."]),
        ("s3://models/dt=2026-11-22/a+b@c~d%20é.bin", ["s3://models/dt=2026-11-22/a+b@c~d%20é.bin"]),
        ("", []),
        ("no address", []),
    ],
)
def test_an_s3_uri_ends_where_its_key_ends(text: str, expected: list[str]) -> None:
    assert uris(text) == expected
    assert s3_uris.other_spelling(text) is None


LEARNED, SPACED = "s3://models/runs/lr=0.1,bs=32/weights.bin", "s3://models/my model/v 1/weights.bin"


@pytest.mark.parametrize(
    "uri", [LEARNED, SPACED, "s3://models/a;b|c/", "s3://models/a, b", "s3://models/k=v,w=x", "s3://models/b/://x"]
)
def test_a_text_that_is_a_uri_is_one_whatever_is_in_its_key(uri: str) -> None:
    assert uris(uri) == [uri]
    assert [text.strip() for text in uris(f" {uri}\n")] == [uri]
    assert s3_uris.replaced(f" {uri}\n", lambda _: "new") == " new\n"


@pytest.mark.parametrize("uri", [LEARNED, SPACED, "s3://models/a;b|c/"])
@pytest.mark.parametrize(
    "quoted", ['{{"a": "{}"}}', "a='{}' b=1", '{{\\"a\\": \\"{}\\"}}', "`{}`", '["{}", "s3://models/b"]']
)
def test_what_is_in_quotation_marks_is_one_whatever_is_in_its_key(quoted: str, uri: str) -> None:
    text = quoted.format(uri)
    assert uris(text)[0] == uri
    assert s3_uris.other_spelling(text) is None


@pytest.mark.parametrize(
    "text",
    [
        f"--model={LEARNED} --epochs=2",
        f"model:{LEARNED}",
        f"{A},x,{B}",
        f"--model={A},X",
        f"{LEARNED},{B}",
        f"{A};b=5;{B}",
        f"path={A}|x",
        f'"{LEARNED},{B}"',
        "--model s3://models/it's/weights.bin",
        "s3://models/ a",
    ],
)
def test_a_uri_whose_end_cannot_be_told_is_refused(text: str) -> None:
    assert s3_uris.other_spelling(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"name,{A},5\n", [A]),
        (f"{A},5\n{B},6", [A, B]),
        (f'"{LEARNED}",5\n', [LEARNED]),
        (f"{SPACED},5\r\n{A}\r\n", [SPACED, A]),
        (f"{SPACED} \n", [SPACED]),
        (f"{SPACED},5", [SPACED]),
        (f"5,{SPACED}", [SPACED]),
        (f"{A},5", [A]),
        (f"see {A} and {B}", [A, B]),
    ],
)
def test_a_comma_always_ends_a_uri_in_a_manifest(text: str, expected: list[str]) -> None:
    assert [reference.uri for reference in s3_uris.in_manifest(text, location="m")] == expected
    assert s3_uris.replaced(text, lambda _: "new", is_csv=True).count("new") == len(expected)


@pytest.mark.parametrize(("text", "expected"), [(f"{B}+{A}", [B]), (f"{B}&5{A}", []), (f"x={B}+https://x", [B])])
def test_a_uri_ends_before_another_scheme(text: str, expected: list[str]) -> None:
    """RFC 3986, 3.1: a scheme begins with a letter, and may have digits, plus signs and dots."""
    assert uris(text) == expected
    assert (A in text) is bool(s3_uris.other_spelling(text))


def test_a_manifest_may_name_objects_and_prefixes() -> None:
    assert s3_uris.in_manifest(f"{A},1\n{B},2", location="m") == [
        S3Reference(uri=A, kind=S3ReferenceKind.EITHER, location="m"),
        S3Reference(uri=B, kind=S3ReferenceKind.PREFIX, location="m"),
    ]


# Each function that reads a text, of this module and of the one that finds ARNs.
READERS: dict[str, Callable[[str], object]] = {
    "in_text": s3_uris.in_text,
    "replaced": lambda text: s3_uris.replaced(text, lambda uri: uri, is_csv=True),
    "in_manifest": lambda text: s3_uris.in_manifest(text, location="m"),
    "other_spelling": s3_uris.other_spelling,
    "is_object": s3_uris.is_object,
    "is_prefix": s3_uris.is_prefix,
    "bucket_of": s3_uris.bucket_of,
    "arn_mapping.in_text": arn_mapping.in_text,
    "arn_mapping.mapped": lambda text: arn_mapping.mapped(text, {"arn:aws:s3:::abc": "new"}),
}
PARTS = ["s3://a/", "s3://abc/x", "s3://abc/x,", "s3://abc/x:", '"s3://abc/x', '\\"s3://abc/x', "a://", "://", "s3.a."]
PARTS += [".s3-", "s3%3a", ".arn:aws", "arn:aws:", "arn:aws:s3", "amazonaws.", ".", "/", ")", "(", "\\", "a", " ", '"']


def test_each_function_that_takes_a_text_is_read_in_time() -> None:
    functions = {
        f"{prefix}{name}"
        for module, prefix in ((s3_uris, ""), (arn_mapping, "arn_mapping."))
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        if next(iter(inspect.signature(function).parameters)) in {"text", "uri"}
    }
    assert functions == set(READERS)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("reader", READERS)
def test_a_long_text_is_read_in_a_time_that_grows_with_its_length(reader: str, part: str) -> None:
    text = "s3://abc/x" + part * (200_000 // len(part))
    begun = time.process_time()
    READERS[reader](text)
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    "text",
    [
        "s3://models",
        "s3://models/",
        "s3://models/ and more",
        "s3://M/a",
        "s3://Models/a",
        "S3://models/a",
        "s3a://models/a",
        "s3n://models/a",
        "xs3://models/a",
        "s3:\\/\\/models\\/a",
        "s3%3A%2F%2Fmodels%2Fa",
        "s3://models/a\\u00e9",
        "s3://models/a=s3://models/b",
        "s3://models/as3://models/b",
        "s3://models/b//",
        "arn:aws:s3:::models/a",
        "arn:aws:s3:us-east-1:222222222222:accesspoint/models",
        "https://models.s3.us-east-1.amazonaws.com/a",
        "https://s3.amazonaws.com/models/a",
        "https://s3-us-west-2.amazonaws.com/models/a",
        "https://models.s3.dualstack.us-east-1.amazonaws.com/a",
        "https://models--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com/a",
        "HTTPS://MODELS.S3.AMAZONAWS.COM/a",
    ],
)
def test_an_incomplete_s3_uri_is_reported_as_another_spelling(text: str) -> None:
    assert s3_uris.other_spelling(text)


@pytest.mark.parametrize("text", ["s3", "files3.amazonaws.com", "my-s3-bucket", "ss3.txt", "is3:a"])
def test_what_only_has_the_letters_is_no_other_spelling(text: str) -> None:
    assert s3_uris.other_spelling(text) is None


def test_each_s3_uri_in_a_text_is_replaced_at_its_position() -> None:
    text = f'{{"a": "{A}", "b": ["{B}", "{A}"]}}'
    new = {A: "s3://target/longer/than/before/a.tar.gz", B: "s3://t/b/"}
    assert s3_uris.replaced(text, new.__getitem__) == text.replace(A, new[A]).replace(B, new[B])


def test_an_s3_uri_that_begins_like_another_is_replaced_as_a_whole() -> None:
    text = "s3://models/a,s3://models/a/b,s3://models/ab"
    new = {"s3://models/a": "1", "s3://models/a/b": "2", "s3://models/ab": "3"}
    assert s3_uris.replaced(text, new.__getitem__) == "1,2,3"


@pytest.mark.parametrize(
    ("name", "uri", "kind"),
    [
        ("HF_MODEL_ID", "s3://models/a/", S3ReferenceKind.PREFIX),
        ("HF_MODEL_ID", "s3://models/a", S3ReferenceKind.EITHER),
        ("SAGEMAKER_SUBMIT_DIRECTORY", "s3://models/a", S3ReferenceKind.OBJECT),
    ],
)
def test_a_variables_s3_uri_without_a_slash_may_be_an_object_or_a_prefix(
    name: str, uri: str, kind: S3ReferenceKind
) -> None:
    (expected,) = s3_uris.in_variables({name: uri}, "Containers[1].")
    assert expected == S3Reference(uri=uri, kind=kind, location=f"Containers[1].Environment.{name}", variable=name)


def reference(location: str, kind: S3ReferenceKind, etag: str | None = None, *, as_files: bool = False) -> S3Reference:
    return S3Reference(uri=A, kind=kind, location=location, etag=etag, as_files=as_files)


def test_an_s3_uri_is_listed_once_with_all_its_known_properties() -> None:
    both = s3_uris.unique(
        [reference("x", S3ReferenceKind.EITHER), reference("y", S3ReferenceKind.OBJECT, '"e"', as_files=True)]
    )
    assert both == (reference("x", S3ReferenceKind.OBJECT, '"e"', as_files=True),)


@pytest.mark.parametrize("turned", [False, True])
def test_an_s3_uri_of_the_model_data_does_not_depend_on_a_variable(turned: bool) -> None:
    data = reference("x", S3ReferenceKind.OBJECT)
    variable = S3Reference(uri=A, kind=S3ReferenceKind.EITHER, location="y", variable="V")
    (both,) = s3_uris.unique([variable, data] if turned else [data, variable])
    assert (both.kind, both.variable) == (S3ReferenceKind.OBJECT, None)


def test_an_s3_uri_of_two_variables_depends_on_a_variable() -> None:
    first, other = (
        S3Reference(uri=A, kind=S3ReferenceKind.EITHER, location=name, variable=name) for name in ("V", "W")
    )
    (both,) = s3_uris.unique([first, other])
    assert both.variable in {"V", "W"}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (reference("y", S3ReferenceKind.PREFIX), "cannot be OBJECT and PREFIX at once"),
        (reference("y", S3ReferenceKind.OBJECT, '"other"'), "is pinned to two ETags, e and other"),
    ],
    ids=["kind", "etag"],
)
def test_two_contradicting_declarations_of_an_s3_uri_are_reported(other: S3Reference, message: str) -> None:
    with pytest.raises(ValueError, match=rf"x and y \({A} {message}\)"):
        s3_uris.unique([reference("x", S3ReferenceKind.OBJECT, "e"), other])


def test_an_etag_is_the_same_with_and_without_its_quotes() -> None:
    assert s3_uris.unique([reference("x", S3ReferenceKind.OBJECT, "e"), reference("y", S3ReferenceKind.OBJECT, '"e"')])
