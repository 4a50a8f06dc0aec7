"""What the ledger says of a run's backup, and what a person can do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.postgres.session import Connection

BACKUP = "backup"
RESTORED = "backup restored"
REHEARSED = "rehearsal as a whole"


def record_backup(
    connection: Connection, deployment_id: int, outcome: str, name: str, detail: Mapping[str, object]
) -> None:
    """Write which backup the deployment has: `taken`, or `external`. Commits once."""
    evidence.record(connection, deployment_id, BACKUP, name, outcome, detail=detail)


def record_rehearsal(connection: Connection, deployment_id: int, sentence: str, seconds: float) -> None:
    """Write how the rehearsal as a whole ended and how long it took, restore included. Commits once."""
    detail = {"seconds": round(seconds, 1)}
    evidence.record(connection, deployment_id, REHEARSED, sentence, "passed", detail=detail, location="rehearsal")


def parts_of(rows: Sequence[Evidence]) -> list[tuple[str, float]]:
    """The parts of the time before the first migration, each as its name and its seconds."""
    names = {
        BACKUP: "of these, backup",
        RESTORED: "of these, restore into a copy",
        REHEARSED: "of these, rehearsal with its restore",
    }
    return [
        (names[row.kind], float(row.detail["seconds"])) for row in rows if row.kind in names and "seconds" in row.detail
    ]


def judge_backup(rows: Sequence[Evidence]) -> tuple[str, str]:
    """Verdict and evidence for "database backup exists and is valid". Only a restore shows that a backup is valid."""
    backups = [row for row in rows if row.kind == BACKUP]
    if not backups:
        return "not applicable", "backup: none"
    last = backups[-1]
    if last.outcome == "external":
        return "not visible from SQL", last.name
    if last.detail.get("kind") == "schema":
        return "not met", f"{last.name} holds the schema without rows"
    restored = [row for row in rows if row.kind == RESTORED and row.name == last.detail.get("name")]
    if restored and restored[-1].outcome == "equal":
        return "met", f"{last.name}, restored and compared: {_figures(last.detail)}"
    if restored:
        return "not met", f"{last.name} did not restore: {restored[-1].detail.get('error', restored[-1].outcome)}"
    if doubt := last.detail.get("doubt"):
        return "not proven", f"{last.name} was not restored by this run, and {doubt}"
    return "not proven", f"{last.name}, {_figures(last.detail)}, each file with its sha256; not restored by this run"


def _figures(detail: Mapping[str, Any]) -> str:
    return f"{detail.get('rows', 0):,} rows in {detail.get('tables', 0)} tables, {detail.get('facts', 0)} catalog facts"


def how_to_restore(rows: Sequence[Evidence]) -> list[str]:
    """The lines about the run's backup at the end of a red report: where it is, and how to restore it."""
    backups = [row for row in rows if row.kind == BACKUP]
    if not backups:
        return ["backup: none was taken by this run; restore yours if data is wrong"]
    last = backups[-1]
    if last.outcome == "external":
        return [f"backup: {last.name}; restore to that point beside the database, never over it"]
    uri = str(last.detail.get("uri", last.name))
    dump = f"{uri.removeprefix('file://')}/dump"
    lines = [
        f"backup: {uri}, of {last.detail.get('taken_at')}, LSN {last.detail.get('lsn')}",
        "to restore it, never over the database that is there: make a new one beside it, then",
        f"    psql NEW -f {dump.removesuffix('/dump')}/globals.sql   (a new server only: roles and settings without passwords)",
        f"    pg_restore --jobs 4 --dbname NEW {dump}   (after its extensions were created)",
        "    then compare, and point the application at NEW",
    ]
    if last.detail.get("kind") == "schema":
        lines.insert(1, "it holds the schema only: it cannot bring rows back")
    return lines
