"""The application's side, with a real HTTP server, a real Redis and a real node exporter."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from pg_deploy.monitor.application_side import Endpoints, measure_endpoints, measure_prometheus, measure_redis
from pg_deploy.monitor.judge import find_breaches
from pg_deploy.monitor.thresholds import read_thresholds
from tests.core.preflight.conftest import free_port


class _Application(BaseHTTPRequestHandler):
    """An application with a quick, a slow and a broken endpoint; it wants to know who asks."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.3)
        known = self.headers.get("Authorization") == "Bearer token"
        self.send_response(500 if self.path == "/broken" else 200 if known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the tests' output."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server with that handler; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def application() -> Iterator[str]:
    """Its address."""
    with _serving(_Application) as url:
        yield url


def test_a_slow_and_a_failing_endpoint_are_told_and_a_quick_one_is_not(application: str) -> None:
    """Else the guide's "under 200 ms" is checked by hand, once."""
    endpoints = Endpoints(
        application,
        {"dashboard": "/dashboard", "reports": "/slow", "orders": "/broken"},
        {"Authorization": "Bearer token"},
    )

    found = find_breaches(measure_endpoints(endpoints), read_thresholds())

    assert [(one.measure, one.object) for one in found] == [("api_latency", "reports"), ("api_status", "orders")]
    assert found[1].cause == "3 of 3 requests to /broken failed: HTTP 500"


def test_an_application_that_is_down_is_told() -> None:
    """Else no answer would count as a quick one."""
    found = find_breaches(measure_endpoints(Endpoints("http://127.0.0.1:1", {"api": "/"})), read_thresholds())

    assert [(one.measure, one.object, one.cause) for one in found] == [
        ("api_status", "api", "3 of 3 requests to / failed: ConnectError")
    ]


def test_a_figure_without_its_label_is_left_out() -> None:
    """Else an exporter with one odd line is told as a connection that cannot be used."""

    class Page(_Application):
        def do_GET(self) -> None:
            page = b'node_cpu_seconds_total{cpu="0",mode="idle"} 10\nnode_cpu_seconds_total{cpu="0"} 5\n'
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    with _serving(Page) as url:
        _, cpu = measure_prometheus(f"{url}/metrics", {}, ())

    assert cpu.problem is None
    assert cpu.rows[0].detail["total"] == 10


def test_the_token_stands_in_no_repr() -> None:
    """Else a log of the values would hold it."""
    assert "token" not in repr(Endpoints("http://127.0.0.1:1", {}, {"Authorization": "Bearer token"}))


@contextmanager
def _running(folder: Path, *command: str, answers: Callable[[], object]) -> Iterator[None]:
    """A server of its own, ended by its pid."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        for _ in range(100):
            try:
                answers()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: run `make test-packages`", pytrace=False)
    return found


@pytest.mark.acceptance
def test_the_hit_rate_of_a_real_redis_is_measured_and_its_end_is_told(tmp_path: Path) -> None:
    """Else the guide's "cache hit rates (monitor Redis)" is left to somebody's terminal."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    server = _program("redis-server")
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    with _running(tmp_path, server, *options, answers=lambda: socket.create_connection(("127.0.0.1", port), 1).close()):
        first = measure_redis(url, ())
        with redis.Redis.from_url(url) as client:
            client.set("there", 1)
            for number in range(200):
                client.get("there" if number % 4 == 0 else "not there")
        second = measure_redis(url, first[1].rows)
    down = measure_redis(url, second[1].rows)

    assert first[1].rows[0].value is None
    assert second[1].rows[0].value == 25.0
    assert [one.measure for one in find_breaches(second, read_thresholds())] == ["redis_hit_rate"]
    assert [(one.measure, one.object) for one in find_breaches(down, read_thresholds())] == [("redis", "the cache")]


@pytest.mark.acceptance
def test_the_cpu_is_read_from_a_real_node_exporter_and_its_end_is_told(tmp_path: Path) -> None:
    """Else "CPU usage (should decrease or stay same)" cannot be answered."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    exporter = _program("prometheus-node-exporter")
    option = f"--web.listen-address=127.0.0.1:{port}"
    with _running(tmp_path, exporter, option, answers=lambda: socket.create_connection(("127.0.0.1", port), 1).close()):
        first = measure_prometheus(url, {}, ())
        time.sleep(2)
        second = measure_prometheus(url, {}, first[1].rows)
    down = measure_prometheus(url, {}, ())

    assert first[1].rows[0].value is None
    assert second[1].rows[0].value is not None
    assert 0 <= second[1].rows[0].value <= 100
    assert [(one.measure, one.object) for one in find_breaches(down, read_thresholds())] == [
        ("prometheus", "the exporter")
    ]
