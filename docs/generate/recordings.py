"""docs/reference/recordings.md: what AWS answers, from which source, and which tests and sandbox files read it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from docs.generate.markdown import code, header, paragraph, table
from recordings import store
from recordings.store import Evidence, Recording

PROJECT = Path(__file__).parents[2]
READING = ("sandbox", "tests")
_INTRODUCTION = (
    "How do you know that AWS does this? What Promote assumes of AWS's answers is an entry in recordings/, from an "
    "answer that was published or from the best other evidence; the tests of the rules and the sandbox read these "
    "entries. To check one, search for its operation, such as `sagemaker/UpdateEndpoint`, and follow the numbered "
    "sources. *Read by* is computed from the code. What no answer shows: [what the sandbox cannot "
    "prove](../sandbox.md#what-it-cannot-prove)."
)
_EVIDENCE = {
    Evidence.RECORDING: "a published answer of AWS",
    Evidence.DOCUMENTATION: "AWS's own example or statement",
    Evidence.CODE: "public code or tests that run against AWS and depend on it",
    Evidence.INFERRED: "follows from the sources that are named",
    Evidence.UNCITED: "an answer of AWS in a public file whose address is not known",
    Evidence.NONE: "nothing was found: [an assumption](#without-evidence)",
}


def readers() -> Mapping[str, list[str]]:
    """Return the files that read each recording, by its key.

    A file that names an operation reads its answers and events. An error and a sequence are read by their keys only.
    """
    by_key: dict[str, list[str]] = defaultdict(list)
    keys = store.recordings()
    by_operation = {
        entry.operation: [
            other.key for other in store.of_operation(entry.operation) if not (other.error or other.requests)
        ]
        for entry in keys.values()
    }
    for folder in READING:
        for file in sorted((PROJECT / folder).rglob("*.py")):
            texts = _texts_of(file)
            read = (texts & set(keys)) | {key for text in texts & set(by_operation) for key in by_operation[text]}
            for key in read:
                by_key[key].append(file.relative_to(PROJECT).as_posix())
    return by_key


def render() -> str:
    """Return the page."""
    files = readers()
    text = header("Recordings", __name__, _INTRODUCTION) + "\n"
    text += table(
        ("evidence", "is", "entries"),
        [(evidence, meaning, str(_count(evidence))) for evidence, meaning in _EVIDENCE.items()],
    )
    proved = [entry for entry in store.recordings().values() if entry.evidence is not Evidence.NONE]
    for operation in sorted({entry.operation for entry in proved}):
        rows = [_row(entry, files) for entry in proved if entry.operation == operation]
        text += f"\n## {operation}\n\n" + table(("recording", "what AWS does", "evidence", "read by"), rows)
    without = [entry for entry in store.recordings().values() if entry.evidence is Evidence.NONE]
    text += (
        "\n## Without evidence\n\n" + paragraph("No evidence was found for these. A real account answers them.") + "\n"
    )
    return text + table(("fact", "what is assumed"), [(code([entry.key]), entry.shows) for entry in without])


def _row(entry: Recording, files: Mapping[str, list[str]]) -> tuple[str, ...]:
    links = " ".join(f"[{number}]({source})" for number, source in enumerate(entry.sources, start=1))
    read_by = ", ".join(code([Path(file).stem]) for file in files.get(entry.key, []))
    return code([entry.name]), entry.shows, f"{entry.evidence} {entry.date}: {links}", read_by or "-"


def _count(evidence: Evidence) -> int:
    return sum(entry.evidence is evidence for entry in store.recordings().values())


def _texts_of(file: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/" in node.value
    }
