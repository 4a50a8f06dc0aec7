"""Cases on several servers at once, one a worker."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.undo_cases.case import Case, Outcome, run_case
from tests.undo_cases.drawing import Drawn, Statements
from tests.undo_cases.sequence import Found, run_sequence
from tests.undo_cases.server import Server, started

_WORKERS = 2
Given = TypeVar("Given")
Answer = TypeVar("Answer")
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


def _run_sequence(drawn: Drawn, *, as_set: bool = False) -> Found:
    try:
        return run_sequence(_servers[-1], drawn, as_set=as_set)
    except Exception as error:
        return Found(Outcome(drawn.name, "", "wrong", f"it could not be drawn: {error!r}"), Statements((), (), False))


def run_all(cases: Iterable[Case], bindir: Path, *, workers: int = _WORKERS) -> Iterator[Outcome]:
    """The outcomes in the cases' order, as they come."""
    return _each(_run, cases, bindir, workers)


def run_sequences(
    drawn: Iterable[Drawn], bindir: Path, *, workers: int = _WORKERS, as_sets: bool = False
) -> Iterator[Found]:
    """What came of each, in their order, as it comes; `as_sets`: each as several migrations."""
    return _each(partial(_run_sequence, as_set=as_sets), drawn, bindir, workers)


def _each(run: Callable[[Given], Answer], given: Iterable[Given], bindir: Path, workers: int) -> Iterator[Answer]:
    with multiprocessing.get_context("spawn").Pool(workers, _open, [bindir]) as pool:
        yield from pool.imap(run, given)
        pool.close()
        pool.join()
