"""Failures of rollbacks, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError, PreflightError


class RollbackMissingError(PgDeployError):
    """A migration took effect, and it has no rollback."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'"{stem}" took effect and has no rollback.sql, so nothing was undone; write its rollback.sql and trigger again, '
            "or mend it with a new migration"
        )


class RollbackRefusedError(PgDeployError):
    """A rollback would drop objects that existed before the migration, or has dropped them if it `committed` by itself."""

    def __init__(self, stem: str, objects: Sequence[str], *, committed: bool = False) -> None:
        named = ", ".join(f'"{name}"' for name in objects)
        happened = (
            f"dropped {named}, which was there before the migration, and committed that by itself; restore it from the backup, and"
            if committed
            else f"would drop {named}, which was there before the migration, so it was not committed;"
        )
        super().__init__(f'the rollback of "{stem}" {happened} correct its rollback.sql')


class CommittingRollbackError(PgDeployError):
    """A written rollback commits by itself, and no rehearsal has shown what it leaves."""

    def __init__(self, stem: str, line: int) -> None:
        super().__init__(
            f'line {line} of the rollback.sql of "{stem}" commits by itself and was not rehearsed, so nothing of it was run; '
            "write it without the commit and trigger again, or mend the migration with a new one"
        )


class RollbackNotProvenError(PgDeployError):
    """After the rollback the catalog is not as it was before the migration."""

    def __init__(self, stem: str, differences: Sequence[str]) -> None:
        shown = "; ".join(differences[:10])
        more = f"; and {len(differences) - 10} more" if len(differences) > 10 else ""
        super().__init__(
            f'the rollback of "{stem}" ran, but the database is not as it was before: {shown}{more}; '
            "mend these by hand, or correct rollback.sql and trigger again"
        )


class NothingToUndoError(PgDeployError):
    """A rollback run was asked to undo `what`, and there is nothing to undo; `reason` says why."""

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        super().__init__(f'"{what}" {reason}: {remedy}')


class NoRollbackError(PgDeployError):
    """A migration has no rollback.sql, and none can be generated from the catalog."""

    def __init__(self, stem: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            f'"{stem}" brings no rollback.sql and none can be generated, so it was not undone ({"; ".join(reasons)}); '
            "mend it with a new migration, or restore what is lost from the backup"
        )


class UndoableDownToError(PgDeployError):
    """Not all of the wanted migrations can be undone. `version` is how far down it is possible, `above` what that would undo."""

    def __init__(self, stem: str, version: str, above: Sequence[str]) -> None:
        self.version = version
        if above:
            message = f'nothing was undone; {len(above)} of them can be, down to "{stem}": give down_to "{version}"'
        else:
            message = f'nothing was undone, and nothing can be before "{stem}"'
        super().__init__(message)


class NeededByLaterError(PgDeployError):
    """A version cannot be undone, because later ones that are to stay need it."""

    def __init__(self, stem: str, later: Sequence[str], objects: Sequence[str]) -> None:
        named = ", ".join(f'"{each}"' for each in later)
        super().__init__(
            f'"{stem}" is needed by {named}, which would stay ({"; ".join(objects[:5])}): '
            "undo those as well, for example with down_to"
        )


class NotUndoneError(PgDeployError):
    """A rollback run ended, and not everything is undone that it was asked to undo."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("not everything was undone: " + "; ".join(failures))


def raise_together(faults: Sequence[PgDeployError]) -> None:
    """Raise the one fault that there is, or a PreflightError of several; nothing without any."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise PreflightError(faults)
