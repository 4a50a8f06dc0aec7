"""Failures of the rehearsal, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError


class CopyDiffersError(PgDeployError):
    """The copy differs from the target."""

    def __init__(self, name: str, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        more = f" and {len(differences) - 5} more" if len(differences) > 5 else ""
        super().__init__(
            f'the copy "{name}" is not what the target is: {"; ".join(differences[:5])}{more}; a rehearsal on it would prove '
            "nothing, so look at the differences and trigger a new run"
        )


class RehearsalFailedError(PgDeployError):
    """A migration failed on the copy; `of_the_copy`: the copy itself, or the connection to it, is at fault."""

    def __init__(self, stem: str, step: str, reason: str, *, of_the_copy: bool = False) -> None:
        self.step = step
        message = f'"{stem}" failed in the rehearsal, at {step}, and production was not touched: {reason}'
        if of_the_copy:
            message += "; the copy or the connection to it is at fault, not the migration: trigger a new run"
        elif "trigger a new run" not in reason:
            message += ("\n" if "\n" in reason else "; ") + "correct the migration and trigger a new run"
        super().__init__(message)


class UnfitCloneError(PgDeployError):
    """The database that rehearsal_db leads to is not fit for a rehearsal."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f'"{name}" cannot serve for the rehearsal: {reason}; {remedy}')


class WorkloadBreaksError(PgDeployError):
    """Something that the application sends today stops working, and the migration does not declare it."""

    def __init__(self, stem: str, headline: str, sentences: Sequence[str], entries: Sequence[str]) -> None:
        more = [f"and {len(sentences) - 10} more"] if len(sentences) > 10 else []
        listed = "".join(f"\n  - {each}" for each in [*sentences[:10], *more])
        lines = "".join(f"\n  {each}" for each in entries)
        super().__init__(
            f'"{stem}" {headline}:{listed}\n'
            "correct the migration, or deploy in two steps (docs/workload.md); if it is meant, write into migration.yaml\n"
            f"  breaks:{lines}\n"
            "then trigger a new run"
        )


class AccessDiffersError(PgDeployError):
    """Somebody could do more, or less, than the migration declares."""

    def __init__(self, stem: str, sentences: Sequence[str]) -> None:
        more = [f"and {len(sentences) - 10} more"] if len(sentences) > 10 else []
        listed = "".join(f"\n  - {each}" for each in [*sentences[:10], *more])
        super().__init__(
            f'"{stem}" changes access in a way that it does not declare:{listed}\n'
            "correct the migration, or declare in access.yaml what is meant, then trigger a new run"
        )
