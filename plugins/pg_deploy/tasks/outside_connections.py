"""The Airflow connections behind the application's side: `<target>_api`, `<target>_redis`, `<target>_prometheus`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from airflow.sdk import Connection as AirflowConnection

from pg_deploy.monitor import application_side
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.tasks.airflow_versions import AirflowNotFoundException, AirflowRuntimeError, connection_named


def measure_outside(target: str, before: Mapping[str, tuple[Row, ...]]) -> list[Measured]:
    """All measures of the application's side; "not configured" if a connection is missing. Never raises for a fault there."""
    return [
        *_measure(
            f"{target}_api",
            (application_side.LATENCY, application_side.STATUS),
            application_side.LATENCY,
            lambda api: application_side.measure_endpoints(_endpoints(api)),
        ),
        *_measure(
            f"{target}_redis",
            (application_side.REDIS_HITS,),
            application_side.REDIS,
            lambda cache: application_side.measure_redis(
                _redis_url(cache), before.get(application_side.REDIS_HITS, ())
            ),
        ),
        *_measure(
            f"{target}_prometheus",
            (application_side.CPU,),
            application_side.PROMETHEUS,
            lambda exporter: application_side.measure_prometheus(
                http_url(exporter) + str(exporter.extra_dejson.get("path", "/metrics")),
                bearer(exporter),
                before.get(application_side.CPU, ()),
            ),
        ),
    ]


def _measure(
    name: str, measures: Sequence[str], failed_measure: str, ask: Callable[[AirflowConnection], list[Measured]]
) -> list[Measured]:
    """What `ask` measured through a connection; `failed_measure` if it holds what cannot be used, such as a token with a long dash.

    What the error says is not repeated: it may quote the address or the token.
    """
    connection = find_connection(name)
    if connection is None:
        return application_side.not_configured(measures, name)
    try:
        return ask(connection)
    except Exception as error:
        problem = (
            f'connection "{name}" cannot be used ({type(error).__name__}): look at its host, port, password and extra'
        )
        return [Measured(failed_measure, problem=problem, failed=True)]


def _endpoints(api: AirflowConnection) -> application_side.Endpoints:
    paths = api.extra_dejson.get("endpoints")
    named = {str(name): str(path) for name, path in paths.items()} if isinstance(paths, dict) else {"api": "/"}
    return application_side.Endpoints(http_url(api), named, bearer(api))


def find_connection(name: str) -> AirflowConnection | None:
    """The connection of that name, or None."""
    try:
        return connection_named(name)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None


def http_url(connection: AirflowConnection) -> str:
    """`scheme://host:port` of an HTTP connection."""
    host = connection.host or "127.0.0.1"
    if "://" not in host:
        host = f"{connection.schema or 'http'}://{host}"
    return f"{host}:{connection.port}" if connection.port else host


def bearer(connection: AirflowConnection) -> dict[str, str]:
    """The connection's headers, with its password as a bearer token."""
    headers = connection.extra_dejson.get("headers")
    found = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    if connection.password:
        found.setdefault("Authorization", f"Bearer {connection.password}")
    return found


def _redis_url(connection: AirflowConnection) -> str:
    scheme = "rediss" if connection.extra_dejson.get("ssl") else "redis"
    login = f"{quote(connection.login or '', safe='')}:{quote(connection.password or '', safe='')}@"
    login = login if connection.password else ""
    return f"{scheme}://{login}{connection.host or '127.0.0.1'}:{connection.port or 6379}/{connection.extra_dejson.get('db', 0)}"
