"""What a baseline adopted, on whose word, and what nobody checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence, pins
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Connection


@dataclass(frozen=True)
class Adopted:
    """How one pinned migration ended."""

    stem: str
    is_adopted: bool
    lines: tuple[str, ...]


def read_adopted(connection: Connection, deployment_id: int) -> tuple[Adopted, ...]:
    """What became of everything that the baseline pinned, from ledger and history alone. Reads only."""
    recorded = history.read(connection)
    told = {row.version: row for row in evidence.of_deployment(connection, deployment_id, "baseline")}
    pinned = pins.pinned(connection, deployment_id)
    newest = attempts.latest_of(connection, [each.version for each in pinned])
    found = []
    for each in pinned:
        attempt = newest.get(each.version)
        good = attempt is not None and attempt.state in ("baselined", "verified") and each.version in recorded
        row = told.get(each.version)
        if row is not None and good:
            lines = [
                f"✓ {each.stem}: {row.outcome} - {each.title}",
                f"    by {row.detail['by']}: {row.detail['reason']}",
                f"    history row {row.detail['history']}; recorded text: {row.detail['recorded_text']}",
                f"    {row.detail['checks']}",
            ]
        else:
            lines = [f"✓ {each.stem}: recorded already" if good else f"✗ {each.stem}: not adopted"]
        found.append(Adopted(each.stem, good, tuple(lines)))
    return tuple(found)


def report_lines(adopted: Sequence[Adopted]) -> list[str]:
    """The report for the task log: what was adopted, on whose word, and what nobody checked."""
    if not adopted:
        return ["nothing to adopt: every chosen migration is recorded already"]
    lines = [line for one in adopted for line in one.lines]
    return [
        *lines,
        "",
        "not checked: that the database holds what these files say, how fast it is, and who can read what; deployments "
        "from now on treat them as in place, refuse an edited file, and do not verify them",
    ]
