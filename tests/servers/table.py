"""The table of docs/servers.md: which versions were run, when, by which test. Printed by the command that ran them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

MATRIX = ("14", "15.18", "15", "16", "17", "18")
"""The servers of the matrix, by their names in programs.SOURCES."""


@dataclass(frozen=True)
class Run:
    """One whole run that ended as it should."""

    server: str
    source: str
    cron: str
    migrations: int
    seconds: float
    test: str


_runs: list[Run] = []


def keep_run(run: Run) -> None:
    """Remember a run for the table."""
    _runs.append(run)


def table_lines() -> Iterator[str]:
    """The table in Markdown; nothing if nothing was run."""
    if not _runs:
        return
    yield f"| server, seen on {date.today():%Y-%m-%d} | from | pg_cron | migrations | seconds | by |"
    yield "|---|---|---|---|---|---|"
    for run in _runs:
        cells = (run.server, run.source, run.cron, str(run.migrations), f"{run.seconds:.0f}", f"`{run.test}`")
        yield f"| {' | '.join(cells)} |"
