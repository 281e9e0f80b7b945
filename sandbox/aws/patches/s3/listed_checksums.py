"""A list names the algorithm and the type of each object's checksum (S3 API: ListObjectsV2, Object).

The values are in HeadObject's answer only.
"""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers


def apply() -> None:
    answer = s3._list_objects_v2

    @functools.wraps(answer)
    def answer_with_algorithms(bucket: str, query: dict[str, Any]) -> Any:
        status, headers, body = answer(bucket, query)
        if status != 200:
            return status, headers, body
        root = s3.fromstring(body)
        encoded = s3._qp(query, "encoding-type", "") == "url"
        for entry in root.findall(s3_answers.name_of("Contents")):
            name = entry.findtext(s3_answers.name_of("Key")) or ""
            listed = s3_answers.stored(bucket, s3.url_unquote(name) if encoded else name)
            for algorithm in listed.get("checksums") or {}:
                s3.SubElement(entry, s3_answers.name_of("ChecksumAlgorithm")).text = algorithm
            if listed.get("checksums"):
                kind = listed.get("checksum_type") or "FULL_OBJECT"
                s3.SubElement(entry, s3_answers.name_of("ChecksumType")).text = kind
        return status, headers, s3._xml_body(root)

    s3._list_objects_v2 = answer_with_algorithms
