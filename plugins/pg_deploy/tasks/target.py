"""From an Airflow connection to a target."""

from __future__ import annotations

from typing import cast, get_args

import psycopg.conninfo
from airflow.configuration import conf as airflow_conf
from airflow.sdk import Connection as AirflowConnection
from psycopg import pq

from pg_deploy.configuration.conf import Approval
from pg_deploy.configuration.errors import InvalidConfError
from pg_deploy.ledger.sealing import take_keys_from
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER
from pg_deploy.postgres.session import Target
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.tasks.airflow_versions import AirflowNotFoundException, AirflowRuntimeError, connection_named
from pg_deploy.tasks.errors import UnknownTargetError

take_keys_from(lambda: str(airflow_conf.get("core", "fernet_key", fallback="")))

# What libpq itself knows may stand in the connection's extra (sslmode, sslrootcert, options, …); the rest is ours.
_LIBPQ = {default.keyword.decode() for default in pq.Conninfo.get_defaults()}


def read_target(name: str, ledger: str = DEFAULT_LEDGER) -> Target:
    """The target behind the Airflow connection `name`, with the project's ledger. Raises UnknownTargetError."""
    found = _connection(name)
    extra = {key: value for key, value in found.extra_dejson.items() if key in _LIBPQ}
    parts = {
        "host": found.host,
        "port": found.port,
        "user": found.login,
        "password": found.password,
        "dbname": found.schema,
    }
    given = {key: str(value) for key, value in parts.items() if value not in (None, "")}
    return Target(name, psycopg.conninfo.make_conninfo(**{**extra, **given}), ledger)


def approval_floor(name: str) -> Approval:
    """The connection's extra `approval_floor`, which nobody's conf can go below. Raises InvalidConfError."""
    floor = _connection(name).extra_dejson.get("approval_floor", "none")
    if floor not in get_args(Approval):
        raise InvalidConfError("target", f'"{name}" has the approval_floor {floor!r}; use none, risky or all')
    return cast(Approval, floor)


def four_eyes_floor(name: str) -> bool:
    """The connection's extra `four_eyes`: whoever triggers a run on it may not approve it. Raises InvalidConfError."""
    floor = _connection(name).extra_dejson.get("four_eyes", False)
    if not isinstance(floor, bool):
        raise InvalidConfError("target", f'"{name}" has four_eyes {floor!r} in its extra; use true or false')
    return floor


def _connection(name: str) -> AirflowConnection:
    try:
        return connection_named(name)
    except (AirflowNotFoundException, AirflowRuntimeError) as error:
        # Somebody may have put a URL, with its password, where a name belongs.
        raise UnknownTargetError(without_secrets(name)) from error
