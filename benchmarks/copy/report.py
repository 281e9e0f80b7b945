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

PROMOTE = "Promote"
TOO_LONG = "†"
_TEXTS = {"who", "what runs", "workload"}
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
    names = [name for name, seconds in measured[0][1].states.items() if seconds] if measured else []
    title = ("workload", *names, "Lambdas", "the longest")
    rows = [
        (
            run.workload,
            *(f"{measurements.states[name]:.1f}" for name in names),
            str(measurements.invocations),
            f"{measurements.longest_invocation:.1f}",
        )
        for run, measurements in measured
    ]
    return title, rows


def goals(runs: Sequence[Run]) -> tuple[Row, list[Row]]:
    """Return title and rows: what the copy is wanted to reach, and what it reached; no rows without these runs."""
    title = ("wanted", "reached", "")
    by_name = {run.workload: run for run in runs if run.of_promote and "boto3" in run.measurements}
    if not {"140 GB", "1 TB"} <= set(by_name):
        return title, []
    large, larger = by_name["140 GB"], by_name["1 TB"]
    seconds, boto3 = large.measurements[PROMOTE].seconds, large.measurements["boto3"].seconds
    to_the_ideal = seconds / large.ideal.seconds
    more = (larger.measurements[PROMOTE].seconds - seconds) / (larger.ideal.seconds - large.ideal.seconds)
    return title, [
        ("140 GB in at most 70 seconds", f"{seconds:.1f}", _met(seconds <= 70)),
        ("140 GB in at most 1.3 times the ideal", f"{to_the_ideal:.2f}", _met(to_the_ideal <= 1.3)),
        ("140 GB at least 5 times faster than boto3's defaults", f"{boto3 / seconds:.1f}", _met(boto3 / seconds >= 5)),
        ("what 1 TB takes longer, in at most 1.3 times what the ideal does", f"{more:.2f}", _met(more <= 1.3)),
    ]


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
