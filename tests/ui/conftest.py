"""A real API server of Airflow with our pages, a process that runs DAGs beside it, and a real Chromium to look at both."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from demo import cluster
from demo.server import next_free_port
from pg_deploy.presentation.addresses import run_page
from tests import signing_in

PROJECT = Path(__file__).resolve().parents[2]
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
USERS = {"admin": "admin", "viewer": "viewer", "nobody": "nobody"}
SCRAPERS_TOKEN = "a token of the tests only"
_START_S = 500.0


@dataclass
class Site:
    """Airflow with our pages: its address, and the process in which its DAGs run."""

    url: str
    world: subprocess.Popen[str]
    pointer: Path
    """The file that tells the server which folder of migrations to read."""
    tokens: dict[str, str] = field(default_factory=dict)
    _unread: int = 0

    def do(self, what: str, **given: object) -> Any:
        """Let the world do something; its answer. An error there is an error here."""
        return self.begin(what, **given)()

    def begin(self, what: str, **given: object) -> Callable[[], Any]:
        """As `do`, without waiting. The function that is returned waits for the answer."""
        if self.world.stdin is None or self.world.stdout is None:
            raise AssertionError("the world has no pipes")
        out = self.world.stdout
        while self._unread:
            # A test that failed did not read its answer. That answer is not for this caller.
            out.readline()
            self._unread -= 1
        self.world.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self.world.stdin.flush()
        self._unread += 1

        def wait() -> Any:
            answer = json.loads(out.readline() or '{"error": "the world ended"}')
            self._unread -= 1
            if "error" in answer:
                raise AssertionError(answer["error"])
            return answer["done"]

        return wait

    def token(self, user: str) -> str:
        """A token of that user's."""
        if user not in self.tokens:
            self.tokens[user] = signing_in.token(self.url, user, USERS.get(user, user))
        return self.tokens[user]

    def get(self, path: str, user: str | None = "admin") -> httpx.Response:
        """A page as a program gets it, with a bearer token or without any."""
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        return httpx.get(self.url + path, headers=headers, timeout=60)

    def run_page(self, run_id: str, dag_id: str = "deploy_migrations") -> str:
        """The path of a run's page."""
        return run_page(dag_id, run_id)


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, demo_cluster: cluster.Cluster) -> Iterator[Site]:
    """One API server for all tests of pages; both processes are ended at the end."""
    with started_site(tmp_path_factory.mktemp("airflow")) as made:
        yield made


@contextlib.contextmanager
def started_site(home: Path, **settings: str) -> Iterator[Site]:
    """An API server, and the process in which its DAGs run; `settings` are more of Airflow's. Both are ended at the end."""
    port = next_free_port(30000 + secrets.randbelow(8000))
    environment = {**_environment(home, port), **{f"AIRFLOW__{name}": value for name, value in settings.items()}}
    world = _start([sys.executable, "-m", "tests.ui.world"], environment, home / "world.log", pipes=True)
    server = None
    try:
        if world.stdout is None or "ready" not in world.stdout.readline():
            pytest.fail(f"Airflow's database could not be made: {(home / 'world.log').read_text()[-2000:]}")
        airflow = str(Path(sys.executable).parent / "airflow")
        server = _start(
            [airflow, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            {**environment, "PG_DEPLOY_MIGRATIONS_POINTER": str(home / "migrations")},
            home / "server.log",
        )
        _wait_for(port, server, home / "server.log")
        yield Site(f"http://127.0.0.1:{port}", world, home / "migrations")
    finally:
        for process in (world, server):
            if process is not None:
                _end(process)


def _environment(home: Path, port: int) -> dict[str, str]:
    (home / "passwords.json").write_text(json.dumps(USERS))
    # Tests before these may have left a folder of migrations of their own in the environment.
    dropped = ("AIRFLOW", "_AIRFLOW", "PG", "MIGRATIONS_DIR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    ours = {
        "CORE__LOAD_EXAMPLES": "false",
        "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer,nobody:",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "CORE__FERNET_KEY": "",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__SECRET_KEY": "only for tests",
        "API_AUTH__JWT_SECRET": "only for tests, and long enough for a key of sixty-four bytes and more",
        "USAGE_DATA_COLLECTION__ENABLED": "false",
    }
    return {
        **kept,
        **{f"AIRFLOW__{name}": value for name, value in ours.items()},
        "AIRFLOW_HOME": str(home),
        "BACKUP_URI": f"file://{home}/backups",
        "PG_DEPLOY_METRICS_TOKEN": SCRAPERS_TOKEN,
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'plugins'}",
        "SCARF_ANALYTICS": "false",
    }


def _start(command: list[str], environment: dict[str, str], log: Path, *, pipes: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipes else log.open("w"),
        stderr=log.open("w") if pipes else subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _wait_for(port: int, server: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    pytest.fail(f"Airflow's API server did not start: {log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[str]) -> None:
    # Kills only this process and what it started: they have a session of their own. They are killed because the server would wait
    # half a minute for the browser's idle connections; its home is thrown away anyway.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium with a fresh profile."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("there is no Chromium: run `make test-packages`", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser window of one user's, and what it asked for."""

    context: BrowserContext
    page: Page
    site: Site
    requests: list[str]
    problems: list[str]

    def open(self, path: str) -> Page:
        """Go there, and wait until its charts, if it has any, are drawn."""
        self.page.goto(self.site.url + path)
        self.page.wait_for_function(
            "() => !document.querySelector('#charts') || document.querySelector('#charts').getAttribute('aria-busy') === 'false'",
            timeout=60000,
        )
        return self.page


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a window as a user: `visit("viewer", dark=True)`. Fails at the end if a page asked another machine or the browser complained."""
    opened: list[Visit] = []

    def make(user: str = "admin", *, dark: bool = False, width: int = 1280) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        context.add_cookies([{"name": "_token", "value": site.token(user), "url": site.url}])
        page = context.new_page()
        page.set_default_timeout(60000)
        one = Visit(context, page, site, [], [])
        context.on("request", lambda request: one.requests.append(request.url))
        page.on("pageerror", lambda error: one.problems.append(str(error)))
        page.on("console", lambda said: one.problems.append(said.text) if said.type == "error" else None)

        def dismiss(dialog: Dialog) -> None:
            one.problems.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("dialog", dismiss)
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.context.close()
        outside = [url for url in one.requests if not url.startswith((site.url, "data:", "blob:"))]
        assert not outside, "a page asked another machine"
        assert not one.problems, "the browser complained"


@pytest.fixture(scope="package")
def new_target(site: Site, demo_cluster: cluster.Cluster) -> Iterator[Callable[[str], str]]:
    """Make an empty database and Airflow's connection to it, by that name; its URL."""
    made: list[str] = []

    def make(name: str) -> str:
        database = f"ui_{name}_{secrets.token_hex(3)}"
        url = cluster.empty(demo_cluster, database)
        made.append(database)
        site.do("connection", name=name, url=url)
        return url

    yield make
    for database in made:
        cluster.drop(demo_cluster, database)


def tabbed_through(page: Page) -> tuple[int, list[tuple[int, str]]]:
    """How many elements of a page can be acted on, and which of them the Tab key reaches, each with the style of its outline."""
    can_act = page.evaluate(
        """() => [...document.querySelectorAll("a[href], summary, button, select, [tabindex='0']")]
            .filter((one) => one.checkVisibility()).length"""
    )
    reached = []
    for _ in range(int(can_act)):
        page.keyboard.press("Tab")
        reached.append(
            tuple(
                page.evaluate(
                    """() => [[...document.querySelectorAll("*")].indexOf(document.activeElement),
                        getComputedStyle(document.activeElement).outlineStyle]"""
                )
            )
        )
    return int(can_act), reached


AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")


def serious_violations(page: Page) -> list[str]:
    """What axe finds of impact serious or critical, one line each with the first place."""
    # Evaluated by the browser's own tools, because the page's policy lets no foreign script in.
    page.evaluate(f"() => {{ {AXE}\n }}")
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
