"""What the ledger says of a run's backup, and what a person can do with it."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Evidence, Kind, Location, Piece
from pg_deploy.ledger.kinds.backup import BackupKept, Restored, WholeRehearsal, seconds_of
from pg_deploy.ledger.kinds.report import Verdict
from pg_deploy.postgres.session import Connection


def record_backup(connection: Connection, deployment_id: int, backup: Piece) -> None:
    """Write which backup the deployment has: one that was taken, or a point that somebody else can go back to. Commits once."""
    evidence.record(connection, deployment_id, Kind.BACKUP, backup)


def record_rehearsal(connection: Connection, deployment_id: int, sentence: str, seconds: float) -> None:
    """Write how the rehearsal as a whole ended and how long it took, restore included. Commits once."""
    whole = WholeRehearsal(sentence, seconds)
    evidence.record(connection, deployment_id, Kind.REHEARSAL_AS_A_WHOLE, whole, location=Location.COPY)


def parts_of(rows: Sequence[Evidence]) -> list[tuple[str, float]]:
    """The parts of the time before the first migration, each as its name and its seconds."""
    names: dict[str, str] = {
        Kind.BACKUP: "of these, backup",
        Kind.BACKUP_RESTORED: "of these, restore into a copy",
        Kind.REHEARSAL_AS_A_WHOLE: "of these, rehearsal with its restore",
    }
    timed = [(names[row.kind], seconds_of(row)) for row in rows if row.kind in names]
    return [(name, seconds) for name, seconds in timed if seconds is not None]


def judge_backup(rows: Sequence[Evidence], wanted: str) -> tuple[Verdict, str]:
    """Verdict and evidence for "database backup exists and is valid", of which the conf says `wanted`. Only a restore shows the latter."""
    last = _last(rows)
    if last is None and wanted == "none":
        return Verdict.NOT_APPLICABLE, "backup: none"
    if last is None:
        return Verdict.NOT_MET, f"the conf says backup: {wanted}, and this run has none"
    if last.is_external:
        return Verdict.NOT_VISIBLE, last.name
    if last.has_no_rows:
        return Verdict.NOT_MET, f"{last.name} holds the schema without rows"
    restored = [Restored.from_row(row) for row in rows if row.kind == Kind.BACKUP_RESTORED and row.name == last.backup]
    if restored and restored[-1].is_equal:
        return Verdict.MET, f"{last.name}, restored and compared: {_figures(last)}"
    if restored:
        return Verdict.NOT_MET, f"{last.name} did not restore: {restored[-1].error or restored[-1].outcome}"
    if last.doubt:
        return Verdict.NOT_PROVEN, f"{last.name} was not restored by this run, and {last.doubt}"
    said = f"{last.name}, {_figures(last)}, each file with its sha256; not restored by this run"
    return Verdict.NOT_PROVEN, said


def _last(rows: Sequence[Evidence]) -> BackupKept | None:
    found = [row for row in rows if row.kind == Kind.BACKUP]
    return BackupKept.from_row(found[-1]) if found else None


def _figures(found: BackupKept) -> str:
    return f"{found.rows or 0:,} rows in {found.tables} tables, {found.facts} catalog facts"


def how_to_restore(rows: Sequence[Evidence]) -> list[str]:
    """The lines about the run's backup at the end of a red report: where it is, and how to restore it."""
    last = _last(rows)
    if last is None:
        return ["backup: none was taken by this run; restore yours if data is wrong"]
    if last.is_external:
        return [f"backup: {last.name}; restore to that point beside the database, never over it"]
    uri = last.uri or last.name
    folder = uri.removeprefix("file://")
    lines = [
        f"backup: {uri}, of {last.taken_at}, LSN {last.lsn}",
        "to restore it, never over the database that is there: make a new one beside it, then",
        f"    psql NEW -f {folder}/globals.sql   (a new server only: roles and settings without passwords)",
        f"    pg_restore --jobs 4 --dbname NEW {folder}/dump   (after its extensions were created)",
        "    then compare, and point the application at NEW",
    ]
    if last.has_no_rows:
        lines.insert(1, "it holds the schema only: it cannot bring rows back")
    return lines
