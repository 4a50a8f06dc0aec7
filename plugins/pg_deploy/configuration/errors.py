"""Failures of conf and settings, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError


class InvalidDurationError(PgDeployError, ValueError):
    """A duration that is not written as a number and a unit."""

    def __init__(self, text: str) -> None:
        super().__init__(f'"{text}" is not a duration; write a number and ms, s, min or h, for example "10 min"')


class UnknownConfError(PgDeployError):
    """A key in the run's conf that no Param declares."""

    def __init__(self, keys: Sequence[str], known: Sequence[str]) -> None:
        named = ", ".join(f'"{key}"' for key in keys)
        super().__init__(f"the conf holds the unknown key {named}; known keys: {', '.join(known)}")


class InvalidConfError(PgDeployError):
    """A value in the run's conf that cannot be used."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f'conf key "{key}" {problem}')


class InvalidSettingError(PgDeployError):
    """A setting of the installation that cannot be used."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        super().__init__(f'setting "{name}" is "{value}", which is not {wanted}; correct it where Airflow is started')
