"""The results as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from benchmarks.promotion.costs import dollars
from benchmarks.promotion.measure import EIGHT_HOURS, TEN_MINUTES, Measured
from benchmarks.promotion.published import Prices
from benchmarks.promotion.runs import COLD, SCRIPT, WARM, Run

Row = tuple[str, ...]
Table = tuple[Row, list[Row]]
_PARTS = ("cold starts", "calls", "computing", "states", "waiting after InService")
_ENDPOINT, _WAITING = "endpoint", "waiting after InService"


def comparison(measured: Measured, prices: Prices) -> Table:
    """Return title and rows: every contestant, on average over the endpoint's times."""
    title = ("who", "our seconds", *_PARTS, "transitions", "API calls", "Lambda seconds", "price, $")
    rows = [_compared(contestant, runs, prices) for contestant, runs in measured.plain.items()]
    return title, rows + [_compared(f"{name}, smoke test", [run], prices) for name, run in measured.tested.items()]


def _compared(name: str, runs: Sequence[Run], prices: Prices) -> Row:
    return (
        name,
        f"{mean(run.ours for run in runs):.1f}",
        *(f"{mean(run.seconds[part] for run in runs):.1f}" for part in _PARTS),
        f"{mean(run.transitions for run in runs):.0f}" if runs[0].transitions else "",
        f"{mean(sum(run.calls.values()) for run in runs):.0f}",
        f"{mean(run.lambda_seconds for run in runs):.1f}" if runs[0].invocations else "",
        f"{mean(sum(dollars(run, prices).values()) for run in runs):.4f}",
    )


def goals(measured: Measured, month: Mapping[str, float], prices: Prices) -> Table:
    """Return title and rows: what the promotion is wanted to reach, and what it reached."""
    cold, warm = measured.plain[COLD], measured.plain[WARM]
    price = mean(sum(dollars(run, prices).values()) for run in cold)
    wanted = [
        ("our share, cold hub: at most 15 s", mean(run.ours for run in cold), 15.0, ".1f"),
        ("our share, warm hub: at most 6 s", mean(run.ours for run in warm), 6.0, ".1f"),
        ("from InService until it is known, on average: at most 3 s", mean(run.waited for run in warm), 3.0, ".1f"),
        ("transitions with a ten-minute endpoint: at most 60", measured.extremes[TEN_MINUTES].transitions, 60, ".0f"),
        ("events with an eight-hour endpoint: below 5,000", measured.extremes[EIGHT_HOURS].events, 4999, ",.0f"),
        ("price of a promotion: at most $0.002", price, 0.002, ".4f"),
        ("the hub's idle month: at most $5", sum(month.values()), 5.0, ".2f"),
    ]
    return ("wanted", "reached", ""), [
        (name, format(value, form), "reached" if value <= limit else "**missed**")
        for name, value, limit, form in wanted
    ]


def steps(measured: Measured) -> Table:
    """Return title and rows: our seconds of each state, without what SageMaker takes, in usual runs."""
    cold, warm = usual(measured.plain[COLD]), usual(measured.plain[WARM])
    title = ("state", "cold hub", *_PARTS[:-1], "waiting", "warm hub")
    rows = []
    for state, parts in cold.by_state.items():
        rows.append(
            (
                state,
                f"{_ours(parts):.2f}",
                *(_shown(parts.get(part, 0.0)) for part in _PARTS),
                f"{_ours(warm.by_state.get(state, {})):.2f}",
            )
        )
    return title, sorted(rows, key=lambda row: -float(row[1]))


def calls(measured: Measured) -> Table:
    """Return title and rows: how often a promotion and a script call what, in usual runs."""
    promote, script = usual(measured.plain[COLD]).calls, usual(measured.plain[SCRIPT]).calls
    names = sorted({*promote, *script}, key=lambda name: (-promote.get(name, 0), name))
    return ("call", "Promote", "bare script"), [
        (name.replace(":", " "), str(promote.get(name, "")), str(script.get(name, ""))) for name in names
    ]


def what_if(measured: Measured) -> Table:
    """Return title and rows: seconds without those that depend on the endpoint, with one number changed."""
    runs = {"as assumed": {name: each[0] for name, each in measured.plain.items()}, **measured.what_if}
    title = ("if", COLD, WARM, SCRIPT)
    return title, [
        (name, *(f"{by_name[who].ours - by_name[who].seconds[_WAITING]:.1f}" for who in (COLD, WARM, SCRIPT)))
        for name, by_name in runs.items()
    ]


def prices_of(measured: Measured, month: Mapping[str, float], prices: Prices) -> Table:
    """Return title and rows: what a promotion costs on average, and a month without one."""
    runs = [dollars(run, prices) for run in measured.plain[COLD]]
    services = {service: mean(run.get(service, 0.0) for run in runs) for run in runs for service in run}
    rows = [("a promotion", service, f"{price:.5f}") for service, price in services.items()]
    return ("what", "for", "$"), [*rows, *(("an idle month", name, f"{price:.2f}") for name, price in month.items())]


def usual(runs: Sequence[Run]) -> Run:
    """Return the run that waited after InService as runs do on average; of stored runs, it alone has its states."""
    average = mean(run.waited for run in runs)
    return min([run for run in runs if run.by_state] or runs, key=lambda run: abs(run.waited - average))


def _ours(parts: Mapping[str, float]) -> float:
    return sum(seconds for part, seconds in parts.items() if part != _ENDPOINT)


def _shown(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.005 else ""
