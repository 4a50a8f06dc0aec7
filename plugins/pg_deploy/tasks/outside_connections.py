"""The Airflow connections behind the application's side: `<target>_api`, `<target>_redis`, `<target>_prometheus`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from airflow.sdk import Connection as AirflowConnection

from pg_deploy.monitor import application_side
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.tasks.airflow_versions import AirflowNotFoundException, AirflowRuntimeError, connection_named


def measure_outside(target: str, before: Mapping[str, tuple[Row, ...]]) -> list[Measured]:
    """All measures of the application's side; "not configured" if a connection is missing. Never raises for a fault there."""
    measured: list[Measured] = []
    api = find_connection(f"{target}_api")
    if api is None:
        measured += application_side.not_configured(
            (application_side.LATENCY, application_side.STATUS), f"{target}_api"
        )
    else:
        measured += _usable(
            f"{target}_api", application_side.LATENCY, lambda: application_side.measure_endpoints(_endpoints(api))
        )
    cache = find_connection(f"{target}_redis")
    if cache is None:
        measured += application_side.not_configured((application_side.REDIS_HITS,), f"{target}_redis")
    else:
        earlier = before.get(application_side.REDIS_HITS, ())
        measured += _usable(
            f"{target}_redis",
            application_side.REDIS,
            lambda: application_side.measure_redis(_redis_url(cache), earlier),
        )
    exporter = find_connection(f"{target}_prometheus")
    if exporter is None:
        measured += application_side.not_configured((application_side.CPU,), f"{target}_prometheus")
    else:
        measured += _usable(
            f"{target}_prometheus",
            application_side.PROMETHEUS,
            lambda: application_side.measure_prometheus(
                http_url(exporter) + str(exporter.extra_dejson.get("path", "/metrics")),
                bearer(exporter),
                before.get(application_side.CPU, ()),
            ),
        )
    return measured


def _usable(connection: str, measure: str, ask: Callable[[], list[Measured]]) -> list[Measured]:
    """What `ask` measured; one failed measure if the connection holds what cannot be used, such as a token with a dash too long.

    What the error says is not repeated: it may quote the address or the token.
    """
    try:
        return ask()
    except Exception as error:
        said = f'connection "{connection}" cannot be used ({type(error).__name__}): look at its host, port, password and extra'
        return [Measured(measure, problem=said, failed=True)]


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
