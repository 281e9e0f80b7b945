"""The results as tables: in the terminal, and in docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.copy.costs import dollars
from benchmarks.copy.ideal import Ideal
from benchmarks.copy.measure import Measurement
from benchmarks.copy.published import LAMBDA_SECONDS, Prices
from lambdas.promotion.artifacts.inventory import MOST_OBJECTS

PROMOTE, PROVED = "Promote", "boto3, tuned, proved"
TOO_LONG = "†"
_TEXTS = {"who", "what runs", "workload", "wanted"}
# What the copy is wanted to reach, by workload.
_SECONDS_BEYOND_PROVED = {"1 GB": 1.0, "20 GB": 1.0}
_TIMES_THE_IDEAL = {"140 GB": 1.25, "1 TB": 1.1, "10 TB": 1.1}
_SECONDS = {"10,000 x 1 MB": 25, "100,000 x 1 MB": 120}
# Not run while Promote refuses so many.
_MILLION = "1,000,000 x 100 kB"
_FASTER_THAN_PROVED = {"10,000 x 1 MB": 1.5}
# With fewer requests, making the clients is most of what is computed.
_ENOUGH_REQUESTS = 1000

Row = tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A workload's results, by contestant."""

    workload: str
    ideal: Ideal
    measurements: Mapping[str, Measurement]

    @property
    def of_promote(self) -> Measurement | None:
        return self.measurements.get(PROMOTE)


def comparison(runs: Sequence[Run], prices: Prices) -> tuple[Row, list[Row]]:
    """Return title and rows: the ideal and every contestant for each workload."""
    title = (
        "workload",
        "who",
        "seconds",
        "to the ideal",
        "to Promote",
        "Lambda seconds",
        "writes",
        "reads",
        "slowed down",
        "transitions",
        "price, $",
        "CPU ms a request",
    )
    return title, [row for run in runs for row in _compared(run, prices)]


def _compared(run: Run, prices: Prices) -> Iterator[Row]:
    yield (run.workload, "the ideal", f"{run.ideal.seconds:,.1f}", "", *[""] * 8)
    yield (run.workload, "... S3 alone", f"{run.ideal.s3:,.1f}", "", *[""] * 8)
    for who, measurements in run.measurements.items():
        requests = sum(measurements.requests.values())
        yield (
            run.workload,
            who + (f" {TOO_LONG}" if measurements.longest_invocation > LAMBDA_SECONDS else ""),
            f"{measurements.seconds:,.1f}",
            f"{measurements.seconds / run.ideal.seconds:.2f}x",
            f"{measurements.seconds / run.of_promote.seconds:.1f}x" if run.of_promote and who != PROMOTE else "",
            f"{measurements.lambda_seconds:,.0f}" if measurements.invocations else "",
            f"{measurements.writes:,}",
            f"{measurements.reads:,}",
            f"{measurements.slowed_down:,}",
            f"{measurements.transitions}" if measurements.transitions else "",
            f"{dollars(measurements, prices):.4f}",
            f"{measurements.cpu_seconds / requests * 1000:.1f}" if requests >= _ENOUGH_REQUESTS else "",
        )


def states(runs: Sequence[Run]) -> tuple[Row, list[Row]]:
    """Return title and rows: how long each of Promote's states took."""
    measured = [(run, run.of_promote) for run in runs if run.of_promote]
    names = list(dict.fromkeys(name for _, each in measured for name, seconds in each.states.items() if seconds))
    title = ("workload", *names, "of which fixed", "Lambdas", "the longest")
    rows = [
        (
            run.workload,
            *(f"{measurements.states.get(name, 0.0):.1f}" for name in names),
            f"{measurements.fixed_seconds:.1f}",
            str(measurements.invocations),
            f"{measurements.longest_invocation:.1f}",
        )
        for run, measurements in measured
    ]
    return title, rows


def goals(runs: Sequence[Run]) -> tuple[Row, list[Row]]:
    """Return title and rows: what the copy is wanted to reach, and what it reached, of the workloads that were run."""
    title = ("workload", "wanted", "reached", "")
    rows = [row for run in runs if run.of_promote for row in _goals(run, run.of_promote)]
    refused = [(_MILLION, "900 s", f"refused: at most {MOST_OBJECTS:,} objects", _met(False))]
    return title, [*rows, *(refused if rows and MOST_OBJECTS < 10**6 else [])]


def _goals(run: Run, promote: Measurement) -> Iterator[Row]:
    seconds, proved = promote.seconds, run.measurements.get(PROVED)
    if run.workload in _SECONDS_BEYOND_PROVED and proved:
        most = proved.seconds + _SECONDS_BEYOND_PROVED[run.workload]
        yield run.workload, f"as {PROVED}, and a second: {most:.1f} s", f"{seconds:.1f}", _met(seconds <= most)
    if run.workload in _TIMES_THE_IDEAL:
        most, reached = _TIMES_THE_IDEAL[run.workload], seconds / run.ideal.seconds
        yield run.workload, f"{most} times the ideal", f"{reached:.2f}", _met(reached <= most)
    if run.workload in _SECONDS:
        yield run.workload, f"{_SECONDS[run.workload]} s", f"{seconds:.1f}", _met(seconds <= _SECONDS[run.workload])
    if run.workload in _FASTER_THAN_PROVED and proved:
        least, times = _FASTER_THAN_PROVED[run.workload], proved.seconds / seconds
        yield run.workload, f"{least} times faster than {PROVED}", f"{times:.2f}", _met(times >= least)


def _met(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def show(console: Console, title: Row, rows: Sequence[Row]) -> None:
    """Print a table, with a line between workloads."""
    table = Table()
    for number, name in enumerate(title):
        table.add_column(name, justify="left" if number == 0 or name in _TEXTS else "right")
    for number, row in enumerate(rows):
        following = rows[number + 1] if number + 1 < len(rows) else row
        table.add_row(*row, end_section=following[0] != row[0])
    console.print(table)


def markdown(title: Row, rows: Sequence[Row]) -> str:
    """Return a table as Markdown."""
    lines = [
        title,
        tuple("---" if number == 0 or name in _TEXTS else "--:" for number, name in enumerate(title)),
        *rows,
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
