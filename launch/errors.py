"""The failures on the way to a run; each message is one sentence that says what to do next."""

from __future__ import annotations


class LaunchError(Exception):
    """Base of every failure that a make target reports."""


class PortTakenError(LaunchError):
    """The port that was asked for belongs to something else."""

    def __init__(self, variable: str, port: int) -> None:
        super().__init__(
            f'port "{port}" is taken by another program: choose another {variable}, or leave it out to get a free one'
        )


class PortSettingError(LaunchError):
    """A port setting is not a port."""

    def __init__(self, variable: str, value: str) -> None:
        super().__init__(f'{variable} is "{value}", which is no port: give a number from 1 to 65535')


class NoFreePortError(LaunchError):
    """No port is free in the range that was searched."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f'no port from "{first}" to "{last}" is free: stop something, or set AIRFLOW_PORT')


class RunningElsewhereError(LaunchError):
    """Airflow runs already, on another port than the one asked for."""

    def __init__(self, running: int, asked: int) -> None:
        super().__init__(
            f'Airflow already runs on port "{running}", not on "{asked}": run `make down` first, or drop AIRFLOW_PORT'
        )


class StartError(LaunchError):
    """Airflow did not become healthy."""

    def __init__(self, seconds: float, what: str, logs: str, tail: str) -> None:
        super().__init__(
            f'Airflow was not healthy after {seconds:.0f} s ({what}): read the logs in "{logs}", which end\n{tail}'
        )


class DatabaseSetupError(LaunchError):
    """Airflow's own metadata database could not be made."""

    def __init__(self, home: str, tail: str) -> None:
        super().__init__(
            f'"{home}" got no metadata database: read what `airflow db migrate` said, whose last lines are\n{tail}'
        )


class StillRunningError(LaunchError):
    """Processes outlived SIGKILL."""

    def __init__(self, pids: tuple[int, ...]) -> None:
        super().__init__(f'processes "{pids}" did not end after SIGKILL: look at them with `ps`, then try again')


class ApiError(LaunchError):
    """Airflow's REST API refused a request."""

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        super().__init__(f'"{method} {path}" was answered with HTTP {status} ({detail}): see the log of the API server')


class ApiUnreachableError(LaunchError):
    """Airflow's REST API did not answer."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f'Airflow at "{url}" did not answer ({reason}): run `make down`, then the same command again')


class ConfError(LaunchError):
    """CONF is not what a run can take."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"CONF {problem}: write it as a JSON object, for example CONF='{{\"dry_run\": true}}'")


class ConfRefusedError(LaunchError):
    """Airflow refused the conf for this DAG."""

    def __init__(self, dag_id: str, detail: str) -> None:
        super().__init__(f'"{dag_id}" does not take this CONF ({detail}): correct it and run the command again')


class TargetUrlError(LaunchError):
    """TARGET_URL is not usable; the message never holds the URL."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"TARGET_URL {problem}: write it as postgresql://user:password@host:port/database, with %xx where needed"
        )


class FolderMissingError(LaunchError):
    """The folder of migrations does not exist."""

    def __init__(self, folder: str) -> None:
        super().__init__(f'"{folder}" is not a folder: set MIGRATIONS_DIR to the folder that holds the migrations')


class RunOpenError(LaunchError):
    """A run is open, and a second one would get in its way."""

    def __init__(self, dag_id: str, run_id: str, state: str, url: str) -> None:
        super().__init__(
            f'run "{run_id}" of "{dag_id}" is still {state}: wait until it has ended, or answer or end it at {url}'
        )


class DagMissingError(LaunchError):
    """The DAG did not appear, or not with the folder that was asked for."""

    def __init__(self, dag_id: str, seconds: float, wanted: str, found: str, import_errors: tuple[str, ...]) -> None:
        shown = "".join(f"\n{error}" for error in import_errors) or " (Airflow reports no import error)"
        super().__init__(
            f'"{dag_id}" was not served within {seconds:.0f} s for "{wanted}" (last seen: "{found}"): '
            f"mend what Airflow could not import and run the command again{shown}"
        )


class DemoError(LaunchError):
    """The demo target's own command failed."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f'"python -m {command}" ended with exit code {code}: read its lines above, then try again')
