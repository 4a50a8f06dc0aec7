"""Failures of backups and restores, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError


class StoreError(PgDeployError):
    """Where backups are kept, something was refused or broke off. `left_behind` says why what was written could not be removed."""

    def __init__(self, uri: str, doing: str, reason: str, *, left_behind: str | None = None) -> None:
        self.left_behind = left_behind
        super().__init__(
            f'"{uri}", where backups are kept, failed to {doing} ({reason}): see that it can be reached, and what its '
            "credentials allow"
        )


class BackupFailedError(PgDeployError):
    """The backup could not be completed. Nothing of it was left behind, unless `left_behind` says why it could not be removed."""

    def __init__(self, name: str, reason: str, *, left_behind: str | None = None) -> None:
        rest = (
            "what was written of it is removed"
            if left_behind is None
            else f"what was written of it could not be removed ({left_behind}), so remove it by hand,"
        )
        super().__init__(
            f'backup "{name}" could not be completed: {reason}; {rest} and nothing was deployed, '
            "correct the cause and trigger a new run"
        )


class BackupDamagedError(PgDeployError):
    """A stored backup is not what was written."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f'backup "{name}" cannot be trusted: {reason}; nothing was touched, take or choose another backup'
        )


class RestoreFailedError(PgDeployError):
    """A restore raised errors other than the few that are known to mean nothing. `cause`: the likely one, if it is known."""

    def __init__(self, name: str, errors: Sequence[str], *, cause: str | None = None) -> None:
        more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
        super().__init__(
            f'backup "{name}" did not restore: {"; ".join(errors[:5])}{more}; so it proves nothing, correct the cause '
            f"({cause or 'often an extension that is not installed on this worker'}) and trigger a new run"
        )


class UnreadableTablesError(PgDeployError):
    """The deploying role may not read some tables, so it cannot dump them."""

    def __init__(self, role: str, tables: Sequence[str]) -> None:
        more = f" and {len(tables) - 3} more" if len(tables) > 3 else ""
        named = ", ".join(f'"{table}"' for table in tables[:3])
        super().__init__(
            f'role "{role}" may not read {named}{more}, which the backup must hold; grant it select (Supabase: '
            f'`grant pg_read_all_data to "{role}"`), or deploy with backup: none and rehearse: none'
        )


class MaskingFailedError(PgDeployError):
    """A column with credentials could not be masked in the copy."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(
            f'column "{column}" could not be masked in the copy: {reason}; the copy was removed, report this or leave the '
            "column out by its name"
        )


class NoBackupError(PgDeployError):
    """The backup that was asked for is not in the store."""

    def __init__(self, wanted: str, uri: str, names: Sequence[str]) -> None:
        there = ", ".join(names[-5:]) or "nothing"
        super().__init__(f'"{wanted}" has no backup at {uri}, which holds {there}: name one of those')


class DatabaseTakenError(PgDeployError):
    """The database exists already, and a backup is never restored over one."""

    def __init__(self, database: str) -> None:
        super().__init__(f'"{database}" exists already, and nothing is restored over it: choose another name')
