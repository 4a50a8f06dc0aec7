"""What a baseline adopted, on whose word, and what nobody checked."""

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
    """What became of everything that the baseline pinned, from ledger and history alone. Reads only."""
    recorded = history.read(connection)
    told = {
        row.version: kinds.Adopted.from_row(row)
        for row in evidence.of_deployment(connection, deployment_id, Kind.BASELINE)
    }
    pinned = pins.pinned(connection, deployment_id)
    newest = attempts.latest_of(connection, [each.version for each in pinned])
    found = []
    for each in pinned:
        attempt = newest.get(each.version)
        good = attempt is not None and attempt.state in (State.BASELINED, State.VERIFIED) and each.version in recorded
        said = told.get(each.version)
        if said is not None and good:
            lines = [
                marked("good", f"{each.stem}: {said.outcome} - {each.title}"),
                Line(f"    by {said.by}: {said.reason}"),
                Line(f"    history row {said.history}; recorded text: {said.recorded_text}"),
                Line(f"    {said.checks}"),
            ]
        elif good:
            lines = [marked("good", f"{each.stem}: recorded already")]
        else:
            lines = [marked("bad", f"{each.stem}: not adopted")]
        found.append(Adopted(each.stem, good, tuple(lines)))
    return tuple(found)


def report_lines(adopted: Sequence[Adopted]) -> list[Line]:
    """The report for the task log: what was adopted, on whose word, and what nobody checked."""
    if not adopted:
        return [Line("nothing to adopt: every chosen migration is recorded already")]
    lines = [line for one in adopted for line in one.lines]
    return [
        *lines,
        Line(""),
        Line(
            "not checked: that the database holds what these files say, how fast it is, and who can read what; deployments "
            "from now on treat them as in place, refuse an edited file, and do not verify them"
        ),
    ]
