"""Failures of rollbacks, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError, PreflightError


class RollbackMissingError(PgDeployError):
    """A migration took effect and brings nothing that undoes it."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'"{stem}" took effect and has no rollback.sql, so nothing was undone; write its rollback.sql and trigger again, '
            "or mend it with a new migration"
        )


class RollbackRefusedError(PgDeployError):
    """A rollback would drop what was there before the migration."""

    def __init__(self, stem: str, objects: Sequence[str]) -> None:
        named = ", ".join(f'"{name}"' for name in objects)
        super().__init__(
            f'the rollback of "{stem}" would drop {named}, which was there before the migration, so it was not committed; '
            "correct its rollback.sql"
        )


class RollbackNotProvenError(PgDeployError):
    """After the rollback the catalog is not as it was."""

    def __init__(self, stem: str, differences: Sequence[str]) -> None:
        shown = "; ".join(differences[:10])
        more = f"; and {len(differences) - 10} more" if len(differences) > 10 else ""
        super().__init__(
            f'the rollback of "{stem}" ran, but the database is not as it was before: {shown}{more}; '
            "mend these by hand, or correct rollback.sql and trigger again"
        )


class NothingToUndoError(PgDeployError):
    """What a rollback run was asked to undo is not there to be undone: `what` was asked, `reason` why not."""

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        super().__init__(f'"{what}" {reason}: {remedy}')


class NoRollbackError(PgDeployError):
    """A migration brings no rollback.sql, and the catalog is not enough to make one."""

    def __init__(self, stem: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            f'"{stem}" brings no rollback.sql and none can be generated, so it was not undone ({"; ".join(reasons)}); '
            "mend it with a new migration, or restore what is lost from the backup"
        )


class UndoableDownToError(PgDeployError):
    """Of a set that was to be undone, how far down that can be done."""

    def __init__(self, stem: str, version: str, above: Sequence[str]) -> None:
        self.version = version
        if above:
            message = f'nothing was undone; {len(above)} of them can be, down to "{stem}": give down_to "{version}"'
        else:
            message = f'nothing was undone, and nothing can be before "{stem}"'
        super().__init__(message)


class NeededByLaterError(PgDeployError):
    """A version cannot be undone while later ones, which are to stay, build on it."""

    def __init__(self, stem: str, later: Sequence[str], objects: Sequence[str]) -> None:
        named = ", ".join(f'"{each}"' for each in later)
        super().__init__(
            f'"{stem}" is needed by {named}, which would stay ({"; ".join(objects[:5])}): '
            "undo those as well, for example with down_to"
        )


class NotUndoneError(PgDeployError):
    """A rollback run ended without everything being undone that it was asked to undo."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("not everything was undone: " + "; ".join(failures))


def raise_together(faults: Sequence[PgDeployError]) -> None:
    """Raise the one fault that there is, or a PreflightError of several; nothing without any."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise PreflightError(faults)
