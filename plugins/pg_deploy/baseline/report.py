"""The report of a baseline: what was adopted, on whose word, and what nobody checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.attempt import State
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds import run as kinds
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Connection
from pg_deploy.presentation.lines import Line, marked


@dataclass(frozen=True)
class Adopted:
    """How one pinned migration ended."""

    stem: str
    is_adopted: bool
    lines: tuple[Line, ...]


def read_adopted(connection: Connection, deployment_id: int) -> tuple[Adopted, ...]:
    """How every migration ended that the baseline pinned, from ledger and history alone. Reads only."""
    recorded = history.read(connection)
    evidence_of = {
        row.version: kinds.Adopted.from_row(row)
        for row in evidence.of_deployment(connection, deployment_id, Kind.BASELINE)
    }
    pinned = pins.pinned(connection, deployment_id)
    newest = attempts.latest_of(connection, [migration.version for migration in pinned])
    adopted = []
    for migration in pinned:
        attempt = newest.get(migration.version)
        is_adopted = (
            attempt is not None and attempt.state in (State.BASELINED, State.VERIFIED) and migration.version in recorded
        )
        row = evidence_of.get(migration.version)
        if row is not None and is_adopted:
            lines = [
                marked("good", f"{migration.stem}: {row.outcome} - {migration.title}"),
                Line(f"    by {row.by}: {row.reason}"),
                Line(f"    history row {row.history}; recorded text: {row.recorded_text}"),
                Line(f"    {row.checks}"),
            ]
        elif is_adopted:
            lines = [marked("good", f"{migration.stem}: recorded already")]
        else:
            lines = [marked("bad", f"{migration.stem}: not adopted")]
        adopted.append(Adopted(migration.stem, is_adopted, tuple(lines)))
    return tuple(adopted)


def report_lines(adopted: Sequence[Adopted]) -> list[Line]:
    """The report for the task log: what was adopted, on whose word, and what nobody checked."""
    if not adopted:
        return [Line("nothing to adopt: every chosen migration is recorded already")]
    return [
        *(line for migration in adopted for line in migration.lines),
        Line(""),
        Line(
            "not checked: that the database holds what these files say, how fast it is, and who can read what; deployments "
            "from now on treat them as in place, refuse an edited file, and do not verify them"
        ),
    ]
