"""A drawn sequence as a set of several migrations: deployed one after the other, and undone whole, the newest first."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pg_deploy.configuration.conf import RollbackConf
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.verify import verify
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger import pins
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.rollback.run import Undoing, read_undoings
from tests.core.working import Working, working_on
from tests.undo_cases.case import LIMITS, Outcome, on_one_line
from tests.undo_cases.judging import State, read_state
from tests.undo_cases.server import Server

_MOST = 4


def judge_set(server: Server, name: str, kinds: str, statements: Sequence[str], database: str) -> Outcome:
    """Deploy the statements as two to four migrations, undo all of them, and compare what others see."""
    before = read_state(server, database)
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate(_parts(name, statements), start=1):
            # Plain files: what they open is nobody's question here.
            (Path(folder) / f"2025010{number}000000_change.sql").write_text(";\n".join(part) + ";\n", encoding="utf-8")
        url = server.url("deployer", database)
        with working_on(url, Path(folder), LIMITS, ends="deployed") as work:
            try:
                _deploy(work)
            except PgDeployError as error:
                return Outcome(name, kinds, "not applied", on_one_line(error))
    with tempfile.TemporaryDirectory() as nothing, working_on(url, Path(nothing), LIMITS) as work:
        return _undo(server, database, before, work, Outcome(name, kinds, "undone"))


def _deploy(work: Working) -> None:
    for migration in work.migrations:
        resume(work.job, migration)
        apply(work.job, migration)
        verify(work.job, migration)


def _undo(server: Server, database: str, before: State, work: Working, good: Outcome) -> Outcome:
    def outcome(verdict: str, said: object) -> Outcome:
        return Outcome(good.name, good.kind, verdict, on_one_line(said), work.text)

    try:
        found: tuple[Undoing, ...] = read_undoings(work.job.ledger, RollbackConf(down_to="0"), work.job.log)
    except PgDeployError as error:
        return outcome("refused", error)
    pins.pin_undo(work.job.ledger, work.job.deployment_id, [each.pinned for each in found])
    for number, each in enumerate(found):
        try:
            roll_back(work.job, each.pinned.version)
        except Exception as error:
            early = number == 0 and isinstance(error, NoRollbackError) and "does not lead back" not in str(error)
            return outcome("refused" if early else "wrong", f"after {number} of {len(found)}: {error}")
    # Nobody compares contents without a copy: a position that was moved on stays, and is not looked at here.
    different = [line for line in before.differences(read_state(server, database)) if not line.startswith("sequence ")]
    return outcome("wrong", "; ".join(different[:6])) if different else good


def _parts(seed: str, statements: Sequence[str]) -> list[Sequence[str]]:
    chance = random.Random(f"parts of {seed}")
    count = min(len(statements), chance.randint(2, _MOST))
    cuts = sorted(chance.sample(range(1, len(statements)), count - 1)) if count > 1 else []
    return [statements[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(statements)], strict=True)]
