"""Failures of the tasks, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError


class UnknownTargetError(PgDeployError):
    """There is no Airflow connection of that name."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f'there is no Airflow connection "{target}"; create it under Admin > Connections (type Postgres), '
            "or choose another target"
        )


class NoCloneError(PgDeployError):
    """The run is to rehearse on a clone, and there is none and nothing that makes one."""

    def __init__(self, connection: str, setting: str) -> None:
        super().__init__(
            f'there is no clone to rehearse on: nothing makes one, because the setting "{setting}" is empty, and there is no Airflow '
            f'connection "{connection}" to one that you made; set one of them, or choose rehearse: full or none'
        )


class ApprovalRejectedError(PgDeployError):
    """A person rejected the migration."""

    def __init__(self, stem: str, by: str) -> None:
        super().__init__(f'"{stem}" was rejected by {by}, so it was not applied; nothing of it took effect')


class NoClaimError(PgDeployError):
    """A task needs the target, but has nothing from preflight that says it is held."""

    def __init__(self, airflow_run: str) -> None:
        super().__init__(
            f'preflight of run "{airflow_run}" did not take the target, or what it handed on is gone, whatever its state in '
            "Airflow is: nothing is done; trigger a new run"
        )


class NotDeployedError(PgDeployError):
    """Not everything that the run pinned is deployed."""

    def __init__(self, states: Sequence[str]) -> None:
        super().__init__(f"not everything is deployed: {'; '.join(states)}")


class NotAdoptedError(PgDeployError):
    """Not everything that the baseline pinned was adopted."""

    def __init__(self, states: Sequence[str]) -> None:
        super().__init__(
            f"not everything is adopted: {'; '.join(states)}; correct what the failed task says and trigger again, which "
            "leaves alone what is adopted already"
        )


class NotMeasuredError(PgDeployError):
    """The monitor could not measure something that it should be able to measure."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            f'"monitor_database" could not measure everything: {"; ".join(problems)}; read the log of that task, the next'
            " run tries again"
        )


class SamePersonError(PgDeployError):
    """four_eyes is on, and the approval came from whoever triggered the run, or may have."""

    def __init__(self, stem: str, by: str, actor: str) -> None:
        super().__init__(
            f'"{stem}" was approved by {by} in a run that {actor} triggered, and four_eyes asks for somebody else: nothing of it '
            "was applied; trigger a new run, and let another person answer"
        )
