"""The tags that CreateMultipartUpload names are on the object. MiniStack drops them."""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers


def apply() -> None:
    create, complete = s3._create_multipart_upload, s3._complete_multipart_upload

    @functools.wraps(create)
    def create_tagged(bucket: str, key: str, headers: dict[str, str]) -> Any:
        response = create(bucket, key, headers)
        if response[0] == 200 and headers.get("x-amz-tagging"):
            upload_id = s3.fromstring(response[2]).findtext(s3_answers.name_of("UploadId"))
            named = s3._parse_qs(headers["x-amz-tagging"], keep_blank_values=True)
            s3._multipart_uploads[upload_id]["tags"] = {name: values[0] for name, values in named.items()}
        return response

    @functools.wraps(complete)
    def complete_tagged(bucket: str, key: str, body: bytes, query: dict[str, Any], *request: Any) -> Any:
        tags = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {}).get("tags")
        response = complete(bucket, key, body, query, *request)
        if tags and response[0] == 200:
            s3._object_tags[bucket, key, s3_answers.stored(bucket, key).get("version_id")] = tags
        return response

    s3._create_multipart_upload = create_tagged
    s3._complete_multipart_upload = complete_tagged
