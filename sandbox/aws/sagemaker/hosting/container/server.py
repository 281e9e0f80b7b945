"""The container's web server: /ping and /invocations."""

import os
import signal
import socket
import sys
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.aws.sagemaker.hosting.container.script import JSON, Script

NEVER = 3600.0
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def serve(script: Script, listening: int) -> None:
    """Answer on a socket that already listens, until SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(HTTPStatus.OK if self.path == "/ping" else HTTPStatus.NOT_FOUND, b"", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            accept = self.headers.get("Accept") or JSON
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON) if accept == "*/*" else accept
            try:
                answer, answer_type = script.transform(body, self.headers.get("Content-Type") or JSON, accept)
            except Exception as error:
                traceback.print_exc()
                self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode(), "text/plain")
                return
            self._answer(HTTPStatus.OK, answer, answer_type)

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            if attributes := self.headers.get(CUSTOM_ATTRIBUTES):
                self.send_header(CUSTOM_ATTRIBUTES, attributes)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            if self.path != "/ping":
                print(format % args, flush=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.daemon_threads = False
    server.socket.close()
    server.socket = socket.socket(fileno=listening)
    # By an exception rather than by server.shutdown(), which is only seen at the next poll: hundreds of containers
    # that poll often would keep a machine busy.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("model server ready", flush=True)
    try:
        server.serve_forever(poll_interval=NEVER)
    finally:
        server.server_close()  # waits for the requests that it serves
