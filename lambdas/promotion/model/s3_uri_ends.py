"""Where the S3 URIs in a text begin and end. Linear in the length of the text. Pure: no AWS calls.

A key may have nearly any character (AWS: S3, object key naming), also those that separate the elements of a list. So
an end is read only where it is certain: a whole text, or the whole content of quotation marks, is one URI; elsewhere
a URI ends before what cannot belong to it. What is left is no URI, and the caller refuses it by name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
# In a text a URI begins where no other scheme is possible.
_BEGINNING = re.compile(rf"(?<![\w+.-])s3://{BUCKET}/")
_COMPLETE = re.compile(rf"s3://{BUCKET}/(?=\S).*[^/\s]/?", re.DOTALL)
# What ends a URI in a text, and what the content of quotation marks, or a whole text, cannot have in a key.
_ENDS = re.compile(r"[\x00-\x20\x7f\s\"'`,;<>|\\]")
_NOT_IN_WHOLE = re.compile(r"[\x00-\x1f\x7f\"'`<>\\]")
# The end of a field in a CSV file.
_ENDS_OF_FIELD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\"'`,;<>|\\\t]")
_QUOTES = "\"'`"
_LIST_SEPARATORS = ",;|"
# Between two URIs that stand side by side, such as s3://a/b:s3://c/d.
_SEPARATORS = ":+&"
_SENTENCE_ENDS = ".:!?"
_CLOSING = {")": "(", "]": "[", "}": "{"}
# What may follow a backslash after a URI: the end of a quoted text in a quoted text, or an escaped line's end.
_AFTER_BACKSLASH = "\"'nrt"
_SCHEME_CHARACTERS = re.compile(r"[A-Za-z0-9+.]")


def spans(text: str, *, is_csv: bool = False) -> Iterator[tuple[int, int]]:
    """Yield where each URI begins and ends. In a CSV file, a comma always ends a field."""
    schemes = list(_schemes(text))
    whole = None if is_csv else _whole(text, schemes)
    if whole:
        yield whole
        return
    for match in _BEGINNING.finditer(text):
        begin, key = match.span()
        following = bisect_right(schemes, begin)
        limit = schemes[following] if following < len(schemes) else len(text)
        end = _end_of_quoted(text, begin, key, limit) or _end(text, begin, key, limit, is_csv=is_csv)
        if end and _COMPLETE.fullmatch(text, begin, end):
            yield begin, end


def _schemes(text: str) -> Iterator[int]:
    """Yield where each scheme, as in s3:// or https://, begins."""
    colon = text.find("://")
    previous = 0
    while colon >= 0:
        begin = colon
        while begin > previous and _SCHEME_CHARACTERS.match(text[begin - 1]):
            begin -= 1
        while begin < colon and not text[begin].isalpha():
            begin += 1
        if begin < colon:
            yield begin
        previous = colon + len("://")
        colon = text.find("://", previous)


def _whole(text: str, schemes: list[int]) -> tuple[int, int] | None:
    """Return the span of a text that is one URI and nothing else, but for white space around it."""
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    is_one = schemes == [begin] and _BEGINNING.match(text, begin) and not _NOT_IN_WHOLE.search(text, begin, end)
    return (begin, end) if is_one and _COMPLETE.fullmatch(text, begin, end) else None


def _end_of_quoted(text: str, begin: int, key: int, limit: int) -> int | None:
    """Return where the URI ends that is the whole content of quotation marks, which may be escaped."""
    quote = text[begin - 1 : begin]
    closing = text.find(quote, key, limit) if quote and quote in _QUOTES else -1
    if closing < 0:
        return None
    end = closing
    if text[begin - 2 : begin - 1] == "\\":
        while text[end - 1] == "\\":
            end -= 1
    return None if _NOT_IN_WHOLE.search(text, key, end) else end


def _end(text: str, begin: int, key: int, limit: int, *, is_csv: bool) -> int | None:
    is_field = is_csv and (begin == 0 or text[begin - 1] in ",;|\t\r\n")
    match = (_ENDS_OF_FIELD if is_field else _ENDS).search(text, key, limit)
    if match is None and limit < len(text):
        # Two URIs in one word.
        return limit - 1 if text[limit - 1] in _SEPARATORS else None
    end = match.start() if match else len(text)
    if not is_csv and not _is_certain(text, end, limit):
        return None
    if is_field:
        return len(text[begin:end].rstrip()) + begin
    return _without_ending(text, begin, end)


def _is_certain(text: str, end: int, limit: int) -> bool:
    """Whether a URI that stops before this character really ends there, and does not go on behind it."""
    character, behind = text[end : end + 1], text[end + 1 : end + 2]
    if character == "\\":
        return bool(behind) and behind in _AFTER_BACKSLASH
    if character and character in _LIST_SEPARATORS:
        # The list goes on with another URI, which may be quoted, or ends.
        return not behind or behind.isspace() or behind in "\"'`)]}" or end + 1 == limit
    if character and character in _QUOTES:
        return not behind.isalnum()
    return True


def _without_ending(text: str, begin: int, end: int) -> int:
    """Return the end without the end of the sentence, or of the bracket around the URI."""
    surplus = {
        closing: text.count(closing, begin, end) - text.count(_CLOSING[closing], begin, end) for closing in _CLOSING
    }
    while end > begin:
        last = text[end - 1]
        if last in _CLOSING and surplus[last] > 0:
            surplus[last] -= 1
        elif last not in _SENTENCE_ENDS:
            break
        end -= 1
    return end
