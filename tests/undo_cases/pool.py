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
from tests.undo_cases.drawing import DrawnStatements, SequenceSeed
from tests.undo_cases.sequence import SequenceResult, run_sequence
from tests.undo_cases.server import Server, new_server

_WORKERS = 2
Task = TypeVar("Task")
Answer = TypeVar("Answer")
_servers: list[Server] = []


def _start_server(bindir: Path) -> None:
    stack = ExitStack()
    _servers.append(stack.enter_context(new_server(bindir)))
    multiprocessing.util.Finalize(None, stack.close, exitpriority=10)


def _run_case(case: Case) -> Outcome:
    try:
        return run_case(_servers[-1], case)
    except Exception as error:
        return Outcome(case.name, case.kind, "wrong", f"the case itself fails: {error!r}")


def _run_sequence(seed: SequenceSeed, *, as_set: bool = False) -> SequenceResult:
    try:
        return run_sequence(_servers[-1], seed, as_set=as_set)
    except Exception as error:
        return SequenceResult(
            Outcome(seed.name, "", "wrong", f"it could not be drawn: {error!r}"), DrawnStatements((), (), False)
        )


def run_all(cases: Iterable[Case], bindir: Path, *, workers: int = _WORKERS) -> Iterator[Outcome]:
    """The outcomes in the cases' order, as they come."""
    return _run_each(_run_case, cases, bindir, workers)


def run_sequences(
    seeds: Iterable[SequenceSeed], bindir: Path, *, workers: int = _WORKERS, as_sets: bool = False
) -> Iterator[SequenceResult]:
    """The results in the seeds' order, as they come; `as_sets`: each sequence as several migrations."""
    return _run_each(partial(_run_sequence, as_set=as_sets), seeds, bindir, workers)


def _run_each(run: Callable[[Task], Answer], tasks: Iterable[Task], bindir: Path, workers: int) -> Iterator[Answer]:
    with multiprocessing.get_context("spawn").Pool(workers, _start_server, [bindir]) as pool:
        yield from pool.imap(run, tasks)
        pool.close()
        pool.join()
