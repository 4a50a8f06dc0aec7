"""The failures of the demo target, each a class of its own."""

from __future__ import annotations

from pathlib import Path


class DemoError(Exception):
    """Base of the failures below: each message is one sentence that ends with what to do."""


class ServerMissingError(DemoError):
    """No PostgreSQL with pg_cron is on this machine and none can be installed from here."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f'no PostgreSQL server with the extension "pg_cron" was found, and {reason}: install PostgreSQL 15 '
            "or newer with its pg_cron package, or use docker-compose with the profile demo"
        )


class PortTakenError(DemoError):
    """The port that was asked for belongs to something else."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f'port "{port}" of 127.0.0.1 is taken by another program: choose another DEMO_PORT, '
            "or unset it to take the next free one"
        )


class ServerFailedError(DemoError):
    """A PostgreSQL program ended with an error."""

    def __init__(self, program: str, output: str) -> None:
        self.output = output
        super().__init__(
            f'"{program}" of the demo target failed: read its last words below, '
            f"or start anew after `python -m demo destroy`\n{output}"
        )


class ForeignDirectoryError(DemoError):
    """The cluster's place exists but is not ours."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f'"{directory}" exists but belongs to another user: move it away, or name another directory')


class NoClusterError(DemoError):
    """Somebody asked for a demo target that was never made."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f'the demo target in "{directory}" does not exist: make it with `make up`')


class NotACopyError(DemoError):
    """Only databases that clone() and empty() made may be dropped."""

    def __init__(self, database: str) -> None:
        super().__init__(f'database "{database}" is part of the demo target: drop only copies, or call reset')


class BadSettingError(DemoError):
    """DEMO_SCALE or DEMO_PORT holds no usable number."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        super().__init__(f'{name} is "{value}", which is not {wanted}: correct or unset it')
