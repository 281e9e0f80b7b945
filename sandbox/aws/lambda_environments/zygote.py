"""Runs beside the Lambdas whose bundles bring the same SDK, and makes their processes: each is a fork of this one.

Importing the SDK takes a third of a second and 50 MB, and a function's own modules another tenth; a sandbox starts
hundreds of environments. Here the SDK that the bundles bring is imported once. For each bundle there is a fork that
also imports the modules of its functions, each when its first environment is started and in that environment's
variables; the environments are forks of that. No function has run in it. What a module cannot import, the environment
tries again, and reports.

Standard input is the socket to the server. What comes in is one environment to start, with its output, or a bundle,
with the socket for its environments; what goes out is the process number. When the server ends, in whatever way, the
sockets do too, and then all that it started.
"""

# ruff: noqa: PLC0415 - what is imported when is what this is about

import array
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any, NoReturn

MODULE = "sandbox_zygote"
LONGEST = 1 << 16
# What the steps call; a bundle may have fewer.
MODELS = (
    *("application-autoscaling", "cloudwatch", "dynamodb", "ecr", "iam", "kms", "s3", "sagemaker", "sagemaker-runtime"),
    *("service-quotas", "sns", "stepfunctions", "sts"),
)
# What else a bundle may bring, and its functions import.
LIBRARIES = ("aws_lambda_powertools.metrics", "cattrs.preconf.json")
# Output, or the socket of a bundle; and where the exit code is written to when it has ended.
_FDS = 2


def main() -> NoReturn:
    # What a function's first call would import and read. Not the runtime's client: it looks for its server at once.
    import awslambdaric.lambda_runtime_marshaller  # noqa: F401
    import botocore.httpsession
    import botocore.parsers
    import botocore.session
    import botocore.signers
    import sandbox_quick_clients  # type: ignore[import-not-found]

    sandbox_quick_clients.apply()
    sandbox_quick_clients.read_models(MODELS)
    # What a first client computes is kept for the process, and so for its forks.
    session: Any = botocore.session.Session()
    session.set_credentials("none", "none")
    for service in MODELS:
        session.create_client(service, region_name="us-east-1")
    for library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    gc.freeze()  # a collection would write to every object, and so unshare it
    gc.set_threshold(10_000, 5, 4)
    Zygote(socket.socket(fileno=os.dup(0))).serve()


class Zygote:
    """Forks on demand, and says how each fork ended."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._imported: set[str] = set()
        self._bundles: set[int] = set()  # they end with their own sockets, after what they started
        self._ends: dict[int, int] = {}  # by process number: the pipe for the exit code
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake = wake

    def serve(self) -> NoReturn:
        self._server.sendall(b"ready")
        while True:
            readable, _, _ = select.select([self._server.fileno(), self._woken], [], [])
            if self._woken in readable:
                os.read(self._woken, 4096)
                self._reap()
            if self._server.fileno() in readable:
                self._answer()

    def _answer(self) -> None:
        message, fds = _receive(self._server)
        if not message:
            self._end()
        start, (output, end) = json.loads(message), fds
        is_bundle = "environment" not in start
        if not is_bundle:
            self._import_function(start["environment"])
        process = os.fork()
        if process == 0:
            self._leave()
            if is_bundle:
                os.chdir(start["folder"])
                sys.path[0] = start["folder"]  # the working folder is first, as it is with python -m
                Zygote(socket.socket(fileno=output)).serve()
            _become(start["environment"], output)
        os.close(output)
        self._ends[process] = end
        if is_bundle:
            self._bundles.add(process)
        self._server.sendall(str(process).encode())

    def _import_function(self, environment: dict[str, str]) -> None:
        module = environment["_HANDLER"].rpartition(".")[0].replace("/", ".")
        if module in self._imported:
            return
        self._imported.add(module)
        own = dict(os.environ)
        os.environ.clear()
        os.environ.update(environment)
        with contextlib.suppress(BaseException):
            importlib.import_module(module)
        os.environ.clear()
        os.environ.update(own)
        gc.freeze()

    def _reap(self) -> None:
        while self._ends:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            with contextlib.suppress(OSError):
                os.write(self._ends[process], str(os.waitstatus_to_exitcode(status)).encode())
            os.close(self._ends.pop(process))
            self._bundles.discard(process)

    def _end(self) -> NoReturn:
        for process in self._ends.keys() - self._bundles:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        os._exit(0)

    def _leave(self) -> None:
        """In the fork: be no part of the zygote any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in (self._woken, self._wake, *self._ends.values()):
            os.close(fd)
        self._server.close()


def _become(environment: dict[str, str], output: int) -> NoReturn:
    """Be the process of one Lambda environment, as if it had been started alone."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.close(output)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["awslambdaric", os.environ["_HANDLER"]]
        import sandbox_step_faults  # type: ignore[import-not-found]

        sandbox_step_faults.run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what nothing has caught: Python would print it, and so does this
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _receive(server: socket.socket) -> tuple[bytes, list[int]]:
    """A message, which ends with its line, and the files that came with it. Nothing: the server has ended."""
    fds = array.array("i")
    message = b""
    while not message.endswith(b"\n"):
        part, ancillary, _, _ = server.recvmsg(LONGEST, socket.CMSG_LEN(_FDS * fds.itemsize))
        if not part:
            return b"", []
        message += part
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return message, list(fds)


if __name__ == "__main__":
    main()
