"""S3's answers and the objects behind them, changed after MiniStack made them."""

from collections.abc import Mapping
from typing import Any

from ministack.services import s3


def with_elements(response: Any, texts: Mapping[str, str]) -> Any:
    """The answer with these elements of its XML set or added."""
    status, headers, body = response
    root = s3.fromstring(body)
    for name, text in texts.items():
        element = root.find(name_of(name))
        if element is None:
            element = s3.SubElement(root, name_of(name))
        element.text = text
    return status, headers, s3._xml_body(root)


def name_of(element: str) -> str:
    """The element's name with S3's namespace."""
    return f"{{{s3.S3_NS}}}{element}"


def stored(bucket: str, key: str) -> Any:
    """The record of the current object."""
    return s3._ensure_bucket(bucket)["objects"][key]


def change(bucket: str, key: str, fields: Mapping[str, Any]) -> None:
    """Change the current object, and the version that it is."""
    current = stored(bucket, key)
    current.update(fields)
    for version in s3._object_versions.get((bucket, key), []):
        if version["version_id"] == (current.get("version_id") or "null"):
            version.update(fields)
