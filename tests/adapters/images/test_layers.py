"""Streaming a layer: in parts, in order, no more in memory than needed, and only what its digest names."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.aws import error_translation
from lambdas.promotion.contract.errors import ImageCopyInterrupted, ImageMismatch, ImageNotFound, PromotionError
from lambdas.promotion.images import layers as image_layers
from lambdas.promotion.images import references
from lambdas.promotion.images.oci_manifest import Layer
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

CONTENT = b"abcdefghij"
PART = 4
UPLOAD = "6cb64b8a-9378-0e33-2ab1-b780fab8a9e9"
FROM = {"registryId": "222222222222", "repositoryName": "team/model"}
TO = {"registryId": "333333333333", "repositoryName": "promote/team/model"}


class Storage(ThreadingHTTPServer):
    """The storage behind the download URLs of layers. `status` is 206, or that of an error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Reader)
        self.content, self.status, self.ranges = CONTENT, 206, list[str]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/layer?X-Amz-Signature=secret"


class _Reader(BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        body = self.server.content[first : last + 1] if self.server.status == 206 else self.server.content
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def storage() -> Iterator[Storage]:
    server = Storage()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()  # seconds until it sees its end
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ecr(stubs: Stubs, storage: Storage) -> ECRClient:
    client: ECRClient = stubs.ecr.client  # type: ignore[assignment]
    error_translation.translate_errors(client, "The role pusher")
    stubs.ecr.add_response("get_download_url_for_layer", {"downloadUrl": storage.url}, {**FROM, "layerDigest": DIGEST})
    stubs.ecr.add_response("initiate_layer_upload", {"uploadId": UPLOAD, "partSize": PART}, TO)
    return client


DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def copy(ecr: ECRClient, *, times: int = 100) -> None:
    """Copy the layer; the time is over after `times` checks."""
    left = [times]

    def require_time() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ImageCopyInterrupted("The time is over. Go on.")

    image_layers.copy(
        Layer(digest=DIGEST, size=len(CONTENT)),
        source=references.parse("222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model"),
        target=references.parse("333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model"),
        reader=ecr,
        pusher=ecr,
        require_time=require_time,
    )


def takes(stubs: Stubs, first: int, part: bytes) -> None:
    stubs.ecr.add_response(
        "upload_layer_part",
        {"lastByteReceived": first + len(part) - 1},
        {
            **TO,
            "uploadId": UPLOAD,
            "partFirstByte": first,
            "partLastByte": first + len(part) - 1,
            "layerPartBlob": part,
        },
    )


def takes_all(stubs: Stubs, content: bytes = CONTENT) -> None:
    for first in range(0, len(content), PART):
        takes(stubs, first, content[first : first + PART])


def completes(stubs: Stubs) -> None:
    stubs.ecr.add_response("complete_layer_upload", {}, {**TO, "uploadId": UPLOAD, "layerDigests": [DIGEST]})


def test_a_layer_goes_over_in_parts_of_the_size_that_ecr_wants_and_the_last_is_what_is_left(
    stubs: Stubs, ecr: ECRClient, storage: Storage
) -> None:
    takes_all(stubs)
    completes(stubs)
    copy(ecr)
    assert storage.ranges == ["bytes=0-3", "bytes=4-7", "bytes=8-9"]


def test_only_one_part_is_read_ahead_of_the_one_that_is_sent(stubs: Stubs, ecr: ECRClient, storage: Storage) -> None:
    read: list[int] = []
    stubs.ecr.client.meta.events.register(
        "before-call.ecr.UploadLayerPart", lambda **_: read.append(len(storage.ranges))
    )
    takes_all(stubs)
    completes(stubs)
    copy(ecr)
    assert all(had <= sent + 2 for sent, had in enumerate(read)), read


def test_a_layer_that_does_not_match_its_digest_is_not_completed(
    stubs: Stubs, ecr: ECRClient, storage: Storage
) -> None:
    storage.content = b"abcdefghiX"
    takes_all(stubs, storage.content)
    with pytest.raises(ImageMismatch, match=DIGEST):
        copy(ecr)


@pytest.mark.parametrize("status", [200, 403, 404, 503])
def test_an_unreadable_layer_is_restarted_and_its_url_is_not_reported(
    ecr: ECRClient, storage: Storage, status: int
) -> None:
    storage.status = status
    with pytest.raises(ImageCopyInterrupted, match=f"status {status}") as message:
        copy(ecr)
    assert "secret" not in str(message.value)


def test_a_layer_that_is_shorter_than_its_manifest_states_is_restarted(
    stubs: Stubs, ecr: ECRClient, storage: Storage
) -> None:
    storage.content = CONTENT[:-1]
    takes(stubs, 0, CONTENT[:4])
    takes(stubs, 4, CONTENT[4:8])
    with pytest.raises(ImageCopyInterrupted, match="1 bytes of 2"):
        copy(ecr)


def test_an_unreachable_layer_storage_is_retried_by_the_workflow(stubs: Stubs, storage: Storage) -> None:
    ecr: ECRClient = stubs.ecr.client  # type: ignore[assignment]
    stubs.ecr.add_response("get_download_url_for_layer", {"downloadUrl": "http://127.0.0.1:1/secret"})
    stubs.ecr.add_response("initiate_layer_upload", {"uploadId": UPLOAD, "partSize": PART})
    with pytest.raises(ImageCopyInterrupted) as message:
        copy(ecr)
    assert "secret" not in str(message.value)


def test_a_run_without_time_ends_between_two_parts(stubs: Stubs, ecr: ECRClient) -> None:
    takes(stubs, 0, CONTENT[:4])
    with pytest.raises(ImageCopyInterrupted, match="time is over"):
        copy(ecr, times=2)


def test_another_copy_of_the_same_layer_may_be_faster(stubs: Stubs, ecr: ECRClient) -> None:
    takes_all(stubs)
    stubs.ecr.add_client_error("complete_layer_upload", "LayerAlreadyExistsException", "It exists")
    copy(ecr)


def test_a_layer_that_ecr_rejects_by_digest_is_reported(stubs: Stubs, ecr: ECRClient) -> None:
    takes_all(stubs)
    stubs.ecr.add_client_error("complete_layer_upload", "InvalidLayerException", "Another digest")
    with pytest.raises(ImageMismatch, match="Another digest"):
        copy(ecr)


@pytest.mark.parametrize("code", ["InvalidLayerPartException", "UploadNotFoundException"])
def test_an_upload_that_broke_off_is_begun_again(stubs: Stubs, ecr: ECRClient, code: str) -> None:
    stubs.ecr.add_client_error("upload_layer_part", code, "It was interrupted")
    with pytest.raises(ImageCopyInterrupted, match="It was interrupted"):
        copy(ecr)


@pytest.mark.parametrize(
    ("code", "error"),
    [("LayersNotFoundException", ImageNotFound), ("LayerInaccessibleException", ImageNotFound)],
)
def test_a_layer_that_is_gone_is_refused(stubs: Stubs, code: str, error: type[PromotionError]) -> None:
    ecr: ECRClient = stubs.ecr.client  # type: ignore[assignment]
    stubs.ecr.add_client_error("get_download_url_for_layer", code, "It is gone.")
    with pytest.raises(error, match=f"{DIGEST}.*It is gone"):
        copy(ecr)
