"""What a red report advises follows from what went wrong: the file, the copy, the worker, the connection, or a person's no."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.backup import Restored
from pg_deploy.ledger.kinds.rehearsal import RehearsalOutcome
from pg_deploy.reporting.endings import Ending

_CONNECTION = re.compile(
    r"connection was lost|cannot connect|connection .*(?:closed|refused|reset)|server closed|terminating connection"
)
_BUSY = re.compile(r"did not get its lock|too busy|deploy lock|holds the target|the next segment was not begun")


def advice(stem: str, state: Ending, error: str, failed: Collection[str], evidence: Sequence[Evidence]) -> str:
    """One sentence for the first migration that is not deployed. `failed` are the ids of the tasks that did."""
    if state == Ending.REJECTED:
        return f"{stem} was rejected: talk with who rejected it, then change the migration or trigger a new run"
    if _CONNECTION.search(error):
        return (
            f"the connection was lost, no migration is at fault: look whether the server and the network are well, then trigger a new "
            f"run, which looks at the database first and goes on with {stem}"
        )
    if _BUSY.search(error):
        return f"the database was busy, no migration is at fault: end what blocks or choose a quieter hour, then trigger a new run ({stem})"
    at_fault = [row for row in evidence if row.kind == Kind.REHEARSAL and row.outcome == RehearsalOutcome.FAILED]
    if "rehearse" in failed and not at_fault:
        restored = [Restored.from_row(row) for row in evidence if row.kind == Kind.BACKUP_RESTORED]
        what = "the copy" if restored and not restored[-1].is_equal else "the worker, or the copy that it makes,"
        return (
            f"{what} is at fault, no migration: read the log of rehearse, mend what it names (a program, disk, an extension on the "
            "worker, the backup), then trigger a new run"
        )
    if "backup" in failed:
        return "the backup could not be taken, no migration is at fault: read the log of backup, mend what it names, trigger a new run"
    if any("approve" in each for each in failed):
        return f"{stem} was not approved, nothing is wrong with it so far: trigger a new run and let somebody answer"
    if "preflight" in failed:
        return "read the log of preflight, which names all that stands in the way, mend it and trigger a new run"
    if "rehearse" in failed:
        return "read the log of rehearse, correct the migration that it names, trigger a new run: the target was not touched"
    return f"read the log of the failed task of {stem}, correct the migration, trigger a new run"
