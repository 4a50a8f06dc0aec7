"""The application's side in whole runs: a real application, a real Redis, a real node exporter, through Airflow's connections."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from demo.server import port_is_free
from pg_deploy.tasks.outside_connections import measure_outside
from tests.core.preflight.conftest import free_port
from tests.dags.harness import Result, run_dag
from tests.looking import Database
from tests.waiting import until


@dataclass
class Application:
    """An application whose endpoints can be made slow, failing or silent; `port` is where it listens."""

    port: int = 0
    seconds: float = 0.0
    status: int = 200


@pytest.fixture
def application() -> Iterator[Application]:
    """A running application."""
    found = Application()

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(found.seconds if self.path == "/api/dashboard/telemetry" else 0)
            known = self.headers.get("Authorization") == "Bearer t0ken"
            self.send_response((found.status if self.path == "/orders" else 200) if known else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.port = server.server_port
    yield found
    server.shutdown()
    server.server_close()


@contextmanager
def running(folder: Path, port: int, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of its own, which listens; ended by its pid."""
    program = shutil.which(command[0])
    if program is None:
        pytest.fail(f"{command[0]} is not installed: run `make test-packages`", pytrace=False)
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen([program, *command[1:]], stdout=log, stderr=log, cwd=folder)
    try:
        until(lambda: not port_is_free(port), f"{command[0]} listens")
        yield process
    finally:
        process.terminate()
        process.wait(20)


def alerts(result: Result) -> list[str]:
    """Measure and object of each open alert, as `make monitor` prints them."""
    return sorted(line.split(": ")[0].removeprefix("ALERT ") for line in result.log if line.startswith("ALERT"))


@pytest.mark.acceptance
def test_the_applications_side_is_measured_told_once_and_over_when_mended(
    database: Database, application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the guide's "API response times, dashboard load times, cache hit rates, CPU" stay a list on paper."""
    redis_port, exporter_port = free_port(), free_port()
    connections = {
        "API": {
            "conn_type": "http",
            "host": "127.0.0.1",
            "schema": "http",
            "port": application.port,
            "password": "t0ken",
            "extra": {"endpoints": {"dashboard": "/api/dashboard/telemetry", "orders": "/orders"}},
        },
        "REDIS": {"conn_type": "redis", "host": "127.0.0.1", "port": redis_port, "password": "s3cret"},
        "PROMETHEUS": {"conn_type": "http", "host": "127.0.0.1", "port": exporter_port},
    }
    for name, values in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_TARGET_DB_{name}", json.dumps(values))
    redis_options = ("--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "s3cret")

    def monitor() -> Result:
        return run_dag("monitor_database", database.url, tmp_path)

    def ask(share: int) -> None:
        with redis.Redis(port=redis_port, password="s3cret") as client:
            client.set("there", 1)
            for number in range(200):
                client.get("there" if number % share == 0 else "not there")

    with running(
        tmp_path, exporter_port, "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{exporter_port}"
    ):
        with running(tmp_path, redis_port, "redis-server", *redis_options):
            healthy = monitor()
            ask(1)
            time.sleep(1.5)
            again = monitor()
            ask(4)
            application.seconds, application.status = 0.35, 503
            sick, still_sick = monitor(), monitor()
        cache_gone = monitor()
        application.seconds, application.status = 0.0, 200
        with running(tmp_path, redis_port, "redis-server", *redis_options):
            mended = monitor()
    exporter_gone = monitor()

    runs = (healthy, again, sick, still_sick, cache_gone, mended, exporter_gone)
    assert [run.state for run in runs] == ["success"] * len(runs)
    assert alerts(healthy) == alerts(again) == []
    assert "Redis hits             100 %" in again.text
    assert "dashboard" in again.text
    assert "CPU" in again.text
    assert alerts(sick) == ["api_latency dashboard", "api_status orders", "redis_hit_rate the cache"]
    assert "/api/dashboard/telemetry answers in" in sick.text
    assert "3 of 3 requests to /orders failed: HTTP 503" in sick.text
    assert (len(sick.notices), alerts(still_sick)[:2]) == (1, ["api_latency dashboard", "api_status orders"])
    assert not [line for line in still_sick.notices if "began" in line]
    assert "redis the cache" in alerts(cache_gone)
    assert [name for name in alerts(mended) if name != "redis_hit_rate the cache"] == []
    assert "prometheus the exporter" in alerts(exporter_gone)
    assert not any(secret in run.text for run in runs for secret in ("t0ken", "s3cret"))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("api", {"conn_type": "http", "host": "127.0.0.1", "port": 1, "password": "s3cret\u2014token"}),
        ("redis", {"conn_type": "redis", "host": "[s3cret", "port": 1}),
        ("prometheus", {"conn_type": "http", "host": "127.0.0.1", "port": 1, "password": "s3cret\u2014token"}),
    ],
)
def test_a_connection_that_cannot_be_used_is_named_and_the_others_are_measured(
    kind: str, values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a token pasted with a long dash ends the task with a stack trace, and nothing of the application is measured."""
    monkeypatch.setenv(f"AIRFLOW_CONN_TARGET_DB_{kind.upper()}", json.dumps(values))

    measured = measure_outside("target_db", {})

    (broken,) = [one for one in measured if one.failed]
    assert broken.problem is not None
    assert f'connection "target_db_{kind}" cannot be used' in broken.problem
    assert "s3cret" not in repr(measured)
    assert len(measured) == 3
