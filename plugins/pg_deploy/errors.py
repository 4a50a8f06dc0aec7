"""The base of every failure that the engine reports on purpose, and those that several rooms raise; each room has its own.

The message is one sentence: the object in quotes, what happened, what to do next. The fields hold the same facts for
callers that act on them.
"""

from __future__ import annotations

from collections.abc import Sequence


class PgDeployError(Exception):
    """Base of all failures with a message written for the engineer on call."""


class ConnectionFailedError(PgDeployError):
    """The target could not be reached or refused the login."""

    def __init__(self, target: str, problem: str) -> None:
        self.problem = problem
        super().__init__(
            f'cannot connect to target "{target}": {problem}; check the host, port, user and password of the Airflow connection'
        )


class ConnectionLostError(PgDeployError):
    """The connection broke while a statement ran or committed. What the statement did, only the database can tell."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        self.file = file
        self.line = line
        super().__init__(
            f'the connection was lost at "{file}" line {line} ({problem}); trigger a new run: it looks at the database '
            "first and goes on from there"
        )


class EditedAfterDeploymentError(PgDeployError):
    """A deployed file was changed. `differing` holds the lines, `-` as deployed and `+` as in the file, if both are known."""

    def __init__(self, stem: str, differing: Sequence[str] = ()) -> None:
        self.stem = stem
        shown = "".join(f"\n    {line}" for line in differing)
        super().__init__(
            f'"{stem}.sql" was edited after it was deployed; restore the deployed text and put the change into a new migration'
            + (f" (- as deployed, + as it is now):{shown}" if shown else "")
        )


class PreflightError(PgDeployError):
    """Everything that stands in the way of a run, in one message."""

    def __init__(self, faults: Sequence[PgDeployError]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))
