"""The Airflow connections behind the application's side: `<target>_api`, `<target>_redis`, `<target>_prometheus`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from pg_deploy.monitor import outside
from pg_deploy.monitor.measures import Measured, Row


def measure_outside(target: str, before: Mapping[str, tuple[Row, ...]]) -> list[Measured]:
    """All measures of the application's side; "not configured" where a connection is missing. Never raises for a fault there."""
    measured: list[Measured] = []
    api = find(f"{target}_api")
    if api is None:
        measured += outside.not_configured((outside.LATENCY, outside.STATUS), f"{target}_api")
    else:
        paths = api.extra_dejson.get("endpoints")
        named = {str(name): str(path) for name, path in paths.items()} if isinstance(paths, dict) else {"api": "/"}
        measured += outside.measure_endpoints(outside.Endpoints(http_url(api), named, bearer(api)))
    cache = find(f"{target}_redis")
    if cache is None:
        measured += outside.not_configured((outside.REDIS_HITS,), f"{target}_redis")
    else:
        measured += outside.measure_redis(_redis_url(cache), before.get(outside.REDIS_HITS, ()))
    exporter = find(f"{target}_prometheus")
    if exporter is None:
        measured += outside.not_configured((outside.CPU,), f"{target}_prometheus")
    else:
        path = str(exporter.extra_dejson.get("path", "/metrics"))
        measured += outside.measure_prometheus(http_url(exporter) + path, bearer(exporter), before.get(outside.CPU, ()))
    return measured


def find(name: str) -> AirflowConnection | None:
    """The connection of that name, or None."""
    try:
        found: AirflowConnection = AirflowConnection.get(name)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None
    return found


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
