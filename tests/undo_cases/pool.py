"""Cases on several servers at once, one a worker."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.undo_cases.case import Case, Outcome, run_case
from tests.undo_cases.server import Server, started

_WORKERS = 2
_servers: list[Server] = []


def _open(bindir: Path) -> None:
    stack = ExitStack()
    _servers.append(stack.enter_context(started(bindir)))
    multiprocessing.util.Finalize(None, stack.close, exitpriority=10)


def _run(case: Case) -> Outcome:
    try:
        return run_case(_servers[-1], case)
    except Exception as error:
        return Outcome(case.name, case.kind, "wrong", f"the case itself fails: {error!r}")


def run_all(cases: Iterable[Case], bindir: Path, *, workers: int = _WORKERS) -> Iterable[Outcome]:
    """The outcomes in the cases' order, as they come."""
    with multiprocessing.get_context("spawn").Pool(workers, _open, [bindir]) as pool:
        yield from pool.imap(_run, cases)
        pool.close()
        pool.join()
