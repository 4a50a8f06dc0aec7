"""A drawn sequence as a set of several migrations: deployed one after the other, and undone whole, the newest first."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pg_deploy.configuration.conf import RollbackConf
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger import pins
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.rollback.run import Undoing, read_undoings
from tests.core.working import Working, working_on
from tests.undo_cases.case import LIMITS, Outcome, on_one_line
from tests.undo_cases.judging import State, read_state
from tests.undo_cases.server import Server

_MOST_MIGRATIONS = 4


def judge_set(server: Server, name: str, kinds: str, statements: Sequence[str], database: str) -> Outcome:
    """Deploy the statements as two to four migrations, undo all of them, and compare what others see."""
    before = read_state(server, database)
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate(_parts(name, statements), start=1):
            # Plain files, because what they open to whom is not judged here.
            (Path(folder) / f"2025010{number}000000_change.sql").write_text(";\n".join(part) + ";\n", encoding="utf-8")
        url = server.url("deployer", database)
        with working_on(url, Path(folder), LIMITS, ends="deployed") as work:
            try:
                work.deploy()
            except PgDeployError as error:
                return Outcome(name, kinds, "not applied", on_one_line(error))
    with tempfile.TemporaryDirectory() as nothing, working_on(url, Path(nothing), LIMITS) as work:
        return _undo(server, database, before, work, Outcome(name, kinds, "undone"))


def _undo(server: Server, database: str, before: State, work: Working, good: Outcome) -> Outcome:
    def outcome(verdict: str, detail: object) -> Outcome:
        return replace(good, verdict=verdict, detail=on_one_line(detail), generated=work.text)

    try:
        found: tuple[Undoing, ...] = read_undoings(work.job.ledger, RollbackConf(down_to="0"), work.job.log)
    except PgDeployError as error:
        return outcome("refused", error)
    pins.pin_undo(work.job.ledger, work.job.deployment_id, [each.pinned for each in found])
    for number, each in enumerate(found):
        try:
            roll_back(work.job, each.pinned.version)
        except Exception as error:
            is_early = number == 0 and isinstance(error, NoRollbackError) and "does not lead back" not in str(error)
            return outcome("refused" if is_early else "wrong", f"after {number} of {len(found)}: {error}")
    # Without a copy nobody compares contents: a sequence that went on stays where it is, so its position is not compared.
    different = [line for line in before.differences(read_state(server, database)) if not line.startswith("sequence ")]
    return outcome("wrong", "; ".join(different[:6])) if different else good


def _parts(seed: str, statements: Sequence[str]) -> list[Sequence[str]]:
    chance = random.Random(f"parts of {seed}")
    count = min(len(statements), chance.randint(2, _MOST_MIGRATIONS))
    borders = sorted(chance.sample(range(1, len(statements)), count - 1)) if count > 1 else []
    return [statements[begin:end] for begin, end in zip([0, *borders], [*borders, len(statements)], strict=True)]
