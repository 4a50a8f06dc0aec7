"""Failures of the monitor, one class each."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError


class ThresholdsError(PgDeployError):
    """The file with the monitor's limits cannot be used."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(
            f'"{file}" cannot be used: {problem}; correct it (python -m pg_deploy.monitor.thresholds '
            "prints the defaults, with a word on each key)"
        )


class NewMonitorRefused(PgDeployError):
    """The scaffold did not write a measure of that name."""

    def __init__(self, name: str, problem: str, what_to_do: str) -> None:
        super().__init__(f'"{name}" {problem}; {what_to_do}')
