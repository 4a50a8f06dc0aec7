"""Failures of the services that make clones, one class each."""

from __future__ import annotations

from pg_deploy.configuration.duration import format_duration
from pg_deploy.errors import PgDeployError


class CloneRefusedError(PgDeployError):
    """The service said no, and why: asking again says the same."""

    def __init__(self, service: str, what: str, reason: str) -> None:
        super().__init__(
            f"{service} refused to {what}: {reason}; the target was not touched: correct that, or choose rehearse: full or none"
        )


class CloneBusyError(PgDeployError):
    """The service did nothing for now: it is busy, or asked to wait."""

    def __init__(self, service: str, what: str, reason: str) -> None:
        super().__init__(f"{service} did not {what} for now: {reason}")


class CloneAnswerLostError(PgDeployError):
    """Whether the service did what it was asked, only a look can tell."""

    def __init__(self, service: str, what: str, reason: str) -> None:
        super().__init__(f"the answer of {service} was lost when it was asked to {what}: {reason}")


class CloneLateError(PgDeployError):
    """No clone was ready in time."""

    def __init__(self, service: str, name: str, waited_s: float, state: str) -> None:
        super().__init__(
            f'the clone "{name}" of {service} was not ready after {format_duration(waited_s)} ({state}), so nothing was rehearsed '
            "and the target was not touched; see why it is slow, or set PG_DEPLOY_CLONE_WAIT higher, and trigger a new run"
        )
