"""Failures of apply and verify, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError


class VerificationFailedError(PgDeployError):
    """Checks found something, or limits were breached."""

    def __init__(self, stem: str, failures: Sequence[str], *, on_copy: bool = False) -> None:
        self.failures = tuple(failures)
        listed = "".join(f"\n  - {each}" for each in failures)
        super().__init__(
            f"it ran on the copy, and what it promises does not hold there:{listed}"
            if on_copy
            else f'"{stem}" is applied but not as promised:{listed}\nit is rolled back unless on_failure says stop'
        )


class AppliedMeanwhileError(PgDeployError):
    """Somebody else recorded the version after this run had looked."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'"{stem}" was recorded in the history by somebody else since this run began, so it was not applied a second '
            "time; look who did it, then trigger a new run, which takes it for applied elsewhere"
        )
