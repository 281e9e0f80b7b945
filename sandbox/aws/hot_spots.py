"""Where MiniStack does the same work again and again, and a suite of a thousand executions would wait for it.

Each answers as before: only the work that changes nothing is left out.
"""

import functools
import os
import time
import zipfile
from pathlib import Path
from typing import Any

from jsonata import parser
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc, sts
from ministack.services import stepfunctions as sfn

EVICTION_SECONDS = 30.0
# What MiniStack waits between the answer to StartExecution and the first state.
BEFORE_AN_EXECUTION = 0.15
FIRST_LINE_SECONDS, NEXT_LINE_SECONDS = 0.015, 0.003


def install() -> None:
    _look_for_expired_sessions_now_and_then()
    _link_what_was_unpacked_before()
    _keep_parsed_policies()
    _keep_parsed_expressions()
    _wait_less_for_logs()
    _begin_executions_at_once()


def _look_for_expired_sessions_now_and_then() -> None:
    """It does at each AssumeRole, through all sessions so far. An expired one is refused where it is used."""
    evict: Any = sts._evict_expired_sessions
    last = -EVICTION_SECONDS

    @functools.wraps(evict)
    def evict_expired_sessions() -> None:
        nonlocal last
        if time.monotonic() - last >= EVICTION_SECONDS:
            last = time.monotonic()
            evict()

    sts._evict_expired_sessions = evict_expired_sessions


def _keep_parsed_policies() -> None:
    """Each request is checked against every policy of its caller, which is parsed for it from the same text."""
    parse: Any = iam_evaluator.parse_policy_document
    parse_text = functools.lru_cache(maxsize=4096)(parse)

    @functools.wraps(parse)
    def parse_policy_document(document: Any) -> Any:
        return list(parse_text(document)) if isinstance(document, str) else parse(document)

    iam_evaluator.parse_policy_document = parse_policy_document


def _keep_parsed_expressions() -> None:
    """A state's expressions are parsed anew in each execution, which takes longer than to evaluate them."""
    parse: Any = parser.Parser.parse
    trees: dict[tuple[str, Any], Any] = {}

    @functools.wraps(parse)
    def parse_once(this: Any, text: str, regex_engine: Any) -> Any:
        if (text, regex_engine) not in trees:
            trees[text, regex_engine] = parse(this, text, regex_engine)
        return trees[text, regex_engine]

    parser.Parser.parse = parse_once


def _wait_less_for_logs() -> None:
    """It waits 50 ms for the first line of an invocation that may have written none, and 5 ms for another one.

    What a function writes is in the pipe before its response is sent.
    """
    drain: Any = lambda_runtime.Worker._drain_stderr_bounded

    @functools.wraps(drain)
    def drain_output(worker: Any, first_line_wait: float = FIRST_LINE_SECONDS, **more: float) -> Any:
        return drain(worker, first_line_wait, **{"idle_confirm": NEXT_LINE_SECONDS, **more})

    lambda_runtime.Worker._drain_stderr_bounded = drain_output


def _begin_executions_at_once() -> None:
    sfn.time = _TimeOfExecutions()


class _TimeOfExecutions:
    """The module `time` as MiniStack's Step Functions sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        if seconds != BEFORE_AN_EXECUTION:
            time.sleep(seconds)


def _link_what_was_unpacked_before() -> None:
    """A bundle is unpacked anew after each change, and nearly all of its files are those of the one before.

    No function writes into them: Lambda's file system is read-only too.
    """
    extract: Any = lambda_svc._extract_zip_preserving_mode
    unpacked: dict[tuple[str, int, int, int], Path] = {}

    @functools.wraps(extract)
    def extract_or_link(archive: zipfile.ZipFile, folder: str) -> None:
        new = []
        for info in archive.infolist():
            earlier = unpacked.get(_content(info))
            if info.is_dir() or earlier is None or not _link(earlier, Path(folder) / info.filename):
                new.append(info)
        extract(_Members(archive, new), folder)
        for info in new:
            unpacked[_content(info)] = Path(folder) / info.filename

    lambda_svc._extract_zip_preserving_mode = extract_or_link


def _content(info: zipfile.ZipInfo) -> tuple[str, int, int, int]:
    return info.filename, info.CRC, info.file_size, info.external_attr


def _link(earlier: Path, target: Path) -> bool:
    """Whether it could be linked: the folder of an old bundle may have been removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(earlier, target)
    except OSError:
        return False
    return True


class _Members:
    """Some members of an archive, as MiniStack asks for them."""

    def __init__(self, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
        self._archive = archive
        self._members = members

    def infolist(self) -> list[zipfile.ZipInfo]:
        return self._members

    def extract(self, member: zipfile.ZipInfo, folder: str) -> str:
        return self._archive.extract(member, folder)
