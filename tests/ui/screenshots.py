"""`make screenshots` takes the pictures of docs/images, from real runs on a fresh demo target of this checkout.

What the charts show is measured within some minutes, while the runs go on. For the picture that time is stretched to a day.
"""

from __future__ import annotations

import http.server
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from launch import airflow, demo, deploy
from launch.api import Api
from launch.deploy import await_dag, prepare_ui
from launch.settings import CHECKOUT, LOGIN, PASSWORD, place
from pg_deploy.migrations.folder import stamp
from pg_deploy.monitor.application_side import LATENCY, Endpoints, measure_endpoints
from pg_deploy.monitor.conclude import conclude
from pg_deploy.monitor.take_sample import add_to_sample, take_sample
from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.session import Target
from tests import signing_in
from tests.ui.conftest import FLAGS

IMAGES = CHECKOUT / "docs" / "images"
# Pictures of whole pages, which are looked at and not kept.
WHOLE = CHECKOUT / ".run" / "screenshots"
WIDTHS = (1280, 1920)
HEIGHT = 900
FORM_HEIGHT = 2300
GRAPH_HEIGHT = 1400
PAGE_HEIGHT = 1500
# One minute of measuring is drawn as this many.
STRETCHED = 60
DEPLOY = "deploy_migrations"
BROKEN = "20251201000000_add_customer_notes"
POLICIES = "20251118000002_optimize_rls_joins"
# What a reviewer may well overlook among twelve policies.
LEAK = "\nalter policy messages_select on public.messages using (true);\n"
RENAMING = "20251201000001_rename_domain_name"
_LOG = logging.getLogger("screenshots")


def main(runs: list[str]) -> None:
    """Run, measure, look; the demo target and Airflow are left running. With four ids of runs, only look."""
    variables = {
        name: value for name, value in os.environ.items() if name not in ("CONF", "TARGET_URL", "MIGRATIONS_DIR")
    }
    where = place(variables)
    WHOLE.mkdir(parents=True, exist_ok=True)
    running = airflow.start(where, variables)
    ours = CHECKOUT / "sql" / "migrations"
    prepare_ui(where, running, {"MIGRATIONS_DIR": str(ours)})
    api = Api(running.url)
    target = Target("target_db", demo.url())
    path = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    with sync_playwright() as playwright, an_application() as application:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        leaky, breaking, good, bad = runs or work(api, variables, target, application, browser)
        # The folders of the other runs are gone: the form would show an empty one.
        prepare_ui(where, running, {"MIGRATIONS_DIR": str(ours)})
        await_dag(api, DEPLOY, stamp(ours))
        for width in WIDTHS:
            pictures(browser, running.url, width, leaky, breaking, good, bad)
        with stretched(target):
            for width in WIDTHS:
                database(browser, running.url, width)
        browser.close()
    print(f"the pictures are in {IMAGES}: look at them; to take them again: {leaky} {breaking} {good} {bad}")


def work(api: Api, variables: Mapping[str, str], target: Target, application: str, browser: Browser) -> list[str]:
    """The ids of four runs: its rehearsal found a leak, or broken statements; it is good; it was rolled back."""
    alone = {"approval": "none", "migrations": [POLICIES[:14]], "benchmark": False}
    with leaking_migrations() as folder:
        leaky = run(api, variables, folder, alone, browser, ends="failed")
    with renaming_migrations() as folder:
        alone = {"approval": "none", "migrations": [RENAMING[:14]]}
        breaking = run(api, variables, folder, alone, browser, ends="failed")
    with measuring(target, application):
        good = run(api, variables, CHECKOUT / "sql" / "migrations", {"approval": "risky"}, browser, ends="success")
        with broken_migrations() as folder:
            quickly = {"approval": "none", "rehearse": "none", "backup": "none"}
            bad = run(api, variables, folder, quickly, browser, ends="failed")
    return [leaky, breaking, good, bad]


def run(
    api: Api, variables: Mapping[str, str], folder: Path, conf: Mapping[str, object], browser: Browser, *, ends: str
) -> str:
    """One whole run through Airflow; its id. Each approval is given, and the first one is pictured.

    Ends the program if the run ends otherwise than it should: its pictures would not show what they are for.
    """
    done = threading.Event()
    is_pictured = False

    def deploy_all() -> None:
        with suppress(Exception):
            deploy.run(DEPLOY, place(variables), {**variables, "MIGRATIONS_DIR": str(folder), "CONF": json.dumps(conf)})
        done.set()

    worker = threading.Thread(target=deploy_all, name="run")
    worker.start()
    mine = Api(api.url)
    newest = ""
    while not done.wait(2):
        for each in mine.open_runs(DEPLOY):
            newest = each.dag_run_id
            for task in mine.tasks(DEPLOY, newest):
                if task.state == "awaiting_input":
                    if not is_pictured:
                        for width in WIDTHS:
                            approval(browser, api.url, width, newest, task.task_id)
                    is_pictured = True
                    answer(api.url, newest, task.task_id)
    worker.join()
    found = api.run(DEPLOY, newest).state
    if found != ends:
        raise SystemExit(
            f"run {newest} ended {found}, not {ends}: read its log, and run make screenshots on a quiet machine"
        )
    return newest


def answer(url: str, run_id: str, task_id: str) -> None:
    """Approve, as somebody who was shown the question."""
    token = signing_in.token(url, LOGIN, PASSWORD)
    httpx.patch(
        f"{url}/api/v2/dags/{DEPLOY}/dagRuns/{quote(run_id, safe='')}/taskInstances/{quote(task_id)}/-1/hitlDetails",
        json={"chosen_options": ["Approve"], "params_input": {}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )


@contextmanager
def measuring(target: Target, application: str) -> Iterator[None]:
    """Keep the database busy, and take a sample every few seconds, until the block ends."""
    stop = threading.Event()

    def measure() -> None:
        number = 0
        endpoints = Endpoints(application, {"/dashboard": "/dashboard", "/chat": "/chat"})
        while not stop.is_set():
            number += 1
            with suppress(Exception):
                ask(target, number)
                sample = take_sample(target, read_thresholds(), f"picture_{number}", _LOG)
                add_to_sample(target, sample, [one for one in measure_endpoints(endpoints) if one.measure == LATENCY])
                conclude(target, read_thresholds(), sample, tell=lambda *_: True, contacts="", log=_LOG)
            stop.wait(6)

    worker = threading.Thread(target=measure, name="measuring")
    worker.start()
    try:
        yield
    finally:
        # A little longer, so that what came after the last run shows as well.
        time.sleep(40)
        stop.set()
        worker.join()


def ask(target: Target, number: int) -> None:
    """What an application asks."""
    queries = (
        "select count(*) from public.chat_telemetry where created_at > now() - interval '7 days'",
        "select domain, count(*), sum(cost_usd) from public.chat_telemetry group by domain",
        "select count(*) from public.messages m join public.conversations c on c.id = m.conversation_id",
        "select * from public.chat_telemetry_domain_summary",
    )
    with target.session("application") as connection:
        connection.execute("select set_config('application_name', 'the application', false)")
        for query in queries:
            for _ in range(3 + number % 4):
                with suppress(psycopg.Error):
                    connection.execute(query)


@contextmanager
def an_application() -> Iterator[str]:
    """Something that answers HTTP, so that there is a latency to measure; its address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(0.03 if self.path == "/chat" else 0.06)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@contextmanager
def own_migrations() -> Iterator[Path]:
    """A copy of our own migrations, to be changed."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        folder = Path(name) / "migrations"
        shutil.copytree(CHECKOUT / "sql" / "migrations", folder)
        yield folder


@contextmanager
def leaking_migrations() -> Iterator[Path]:
    """Our own migrations, one with a policy more than it should have; what checks or times it is left out."""
    with own_migrations() as folder:
        with (folder / f"{POLICIES}.sql").open("a") as file:
            file.write(LEAK)
        for part in ("verify", "benchmarks"):
            shutil.rmtree(folder / POLICIES / part)
        (folder / POLICIES / "migration.yaml").write_text(
            "title: Row level security by joins, with one policy too many\nrisk: medium\naccess: unchanged\n"
        )
        yield folder


@contextmanager
def renaming_migrations() -> Iterator[Path]:
    """Our own migrations and one that renames a column which the application still names."""
    with own_migrations() as folder:
        companion = folder / RENAMING
        companion.mkdir()
        (folder / f"{RENAMING}.sql").write_text("alter table public.domains rename column name to title;\n")
        (companion / "migration.yaml").write_text(
            "title: Call a domain's name its title\nrisk: low\nimpact: one word in the catalog\naccess: unchanged\n"
        )
        (companion / "rollback.sql").write_text("alter table public.domains rename column title to name;\n")
        yield folder


@contextmanager
def broken_migrations() -> Iterator[Path]:
    """Our own migrations and one more, whose check finds rows."""
    with own_migrations() as folder:
        companion = folder / BROKEN
        (companion / "verify").mkdir(parents=True)
        (folder / f"{BROKEN}.sql").write_text(
            "create table public.customer_notes (\n    id bigint generated always as identity primary key,\n"
            "    note text not null default ''\n);\nalter table public.customer_notes enable row level security;\n"
            "insert into public.customer_notes (note) values ('first'), (''), ('');\n"
        )
        (companion / "migration.yaml").write_text(
            "title: Add notes about customers\nrisk: low\nimpact: a new table, nothing reads it yet\naccess: unchanged\n"
            "after_rollback: tell whoever imports the notes to wait for the corrected migration\n"
        )
        (companion / "rollback.sql").write_text("drop table public.customer_notes;\n")
        (companion / "verify" / "no_note_is_empty.sql").write_text(
            "select n.id as note, 'the note is empty' as problem from public.customer_notes n where n.note = '' order by 1;\n"
        )
        yield folder


@contextmanager
def stretched(target: Target) -> Iterator[None]:
    """Draw the minutes of measuring as hours while the block lasts: moments are moved, and put back as they were."""
    columns = {
        "deployment": ("started_at", "ended_at"),
        "sample": ("taken_at",),
        "alert": ("started_at", "seen_at", "ended_at"),
    }
    with target.session("stretch") as connection:
        # The moments are moved as if the page were opened right after the newest sample.
        newest = connection.execute("select max(taken_at) from deploy_ledger.sample").fetchone()
        with connection.transaction():
            for table, moments in columns.items():
                connection.execute(
                    f"create temporary table kept_{table} as select id, {', '.join(moments)} from deploy_ledger.{table}"
                )
                moved = ", ".join(f"{one} = now() - (%(newest)s::timestamptz - {one}) * {STRETCHED}" for one in moments)
                connection.execute(
                    f"update deploy_ledger.{table} set {moved}", {"newest": newest[0] if newest else None}
                )
            # How long each took stays as it was.
            connection.execute(
                """update deploy_ledger.deployment d set started_at = d.ended_at - (k.ended_at - k.started_at)
                from kept_deployment k where k.id = d.id"""
            )
        yield
        with connection.transaction():
            for table, moments in columns.items():
                back = ", ".join(f"{one} = k.{one}" for one in moments)
                connection.execute(f"update deploy_ledger.{table} t set {back} from kept_{table} k where k.id = t.id")


def approval(browser: Browser, url: str, width: int, run_id: str, task_id: str) -> None:
    """The question as a person sees it."""
    page_url = f"{url}/dags/{DEPLOY}/runs/{quote(run_id, safe='')}/tasks/{quote(task_id)}/required_actions"
    with window(browser, url, width) as page:
        page.goto(page_url)
        page.get_by_role("button", name="Approve").first.wait_for()
        page.wait_for_timeout(3000)
        anonymous(page)
        page.screenshot(path=IMAGES / f"approval-{width}.png")


def anonymous(page: Page) -> None:
    """Show /srv/project instead of the place of this checkout, which is nobody's business."""
    for frame in page.frames:
        frame.evaluate(
            """(here) => {
                document.querySelectorAll("input").forEach((one) => {
                    one.value = one.value.replace(here, "/srv/project");
                });
                const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                while (texts.nextNode()) {
                    texts.currentNode.data = texts.currentNode.data.replaceAll(here, "/srv/project");
                }
            }""",
            str(CHECKOUT),
        )


def trigger_form(browser: Browser, url: str, width: int) -> None:
    """The form that starts a deployment, whole."""
    with window(browser, url, width, height=FORM_HEIGHT) as page:
        page.goto(f"{url}/dags/{DEPLOY}")
        page.get_by_role("button", name="Trigger").first.click()
        page.get_by_text("Migrations folder").first.wait_for()
        page.wait_for_timeout(2500)
        anonymous(page)
        page.screenshot(path=IMAGES / f"trigger-form-{width}.png")


def pictures(browser: Browser, url: str, width: int, leaky: str, breaking: str, good: str, bad: str) -> None:
    """All pictures of that width but those of the database page."""
    runs = f"{url}/dags/{DEPLOY}/runs"
    trigger_form(browser, url, width)
    with window(browser, url, width, height=GRAPH_HEIGHT, groups=[BROKEN]) as page:
        for name, run_id in (("good", good), ("rolled-back", bad)):
            page.goto(f"{runs}/{quote(run_id, safe='')}")
            page.wait_for_timeout(3000)
            page.keyboard.press("g")
            page.locator(".react-flow__node").first.wait_for()
            page.get_by_label(re.compile("collapse details", re.IGNORECASE)).click()
            page.wait_for_timeout(2500)
            page.locator(".react-flow__controls-fitview").click()
            page.wait_for_timeout(2500)
            page.screenshot(path=IMAGES / f"graph-{name}-{width}.png")
            page.get_by_label(re.compile("show details", re.IGNORECASE)).click()
            page.keyboard.press("g")
    with window(browser, url, width, height=PAGE_HEIGHT) as page:
        for name, run_id in (("deployment", good), ("rolled-back", bad)):
            page.goto(f"{runs}/{quote(run_id, safe='')}/plugin/deployment")
            page.frame_locator("iframe[title=Deployment]").locator("section.migration").first.wait_for()
            page.wait_for_timeout(1500)
            anonymous(page)
            page.screenshot(path=IMAGES / f"{name}-{width}.png")
        for title, run_id in (("Access", leaky), ("Workload", breaking)):
            page.goto(f"{runs}/{quote(run_id, safe='')}/plugin/deployment")
            head = page.frame_locator("iframe[title=Deployment]").locator("h3", has_text=title).first
            head.wait_for()
            head.evaluate("(head) => { head.scrollIntoView(); window.scrollBy(0, -40); }")
            page.wait_for_timeout(1500)
            anonymous(page)
            page.screenshot(path=IMAGES / f"{title.lower()}-{width}.png")
        whole = {"deployment": good, "rolled-back": bad, "access": leaky, "workload": breaking}
        for name, run_id in whole.items():
            page.goto(f"{url}/pg-deploy/runs/{DEPLOY}/{quote(run_id, safe='')}")
            page.wait_for_timeout(2500)
            page.screenshot(path=WHOLE / f"{name}-whole-{width}.png", full_page=True)


def database(browser: Browser, url: str, width: int) -> None:
    """The Database page where Airflow shows it, in both colour modes."""
    for name, dark in (("database", False), ("database-dark", True)):
        with window(browser, url, width, dark=dark, height=PAGE_HEIGHT) as page:
            page.goto(f"{url}/plugin/database")
            frame = page.frame_locator("iframe[title=Database]")
            frame.locator("canvas").first.wait_for()
            frame.get_by_text("24 hours").click()
            frame.locator("canvas").first.wait_for()
            page.wait_for_timeout(3500)
            page.screenshot(path=IMAGES / f"{name}-{width}.png")
    with window(browser, url, width) as page:
        page.goto(f"{url}/pg-deploy/database?hours=24")
        page.wait_for_timeout(2500)
        page.screenshot(path=WHOLE / f"database-whole-{width}.png", full_page=True)


@contextmanager
def window(
    browser: Browser, url: str, width: int, *, dark: bool = False, height: int = HEIGHT, groups: Sequence[str] = ()
) -> Iterator[Page]:
    """A logged-in window; the graph is drawn from top to bottom, with those groups open."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    stored = {
        "theme": "dark" if dark else "light",
        f"direction-{DEPLOY}": json.dumps("DOWN"),
        f"{DEPLOY}/open-groups": json.dumps(list(groups)),
    }
    context.add_init_script(
        f"Object.entries({json.dumps(stored)}).forEach(([name, value]) => window.localStorage.setItem(name, value))"
    )
    context.add_cookies([{"name": "_token", "value": signing_in.token(url, LOGIN, PASSWORD), "url": url}])
    page = context.new_page()
    page.set_default_timeout(120000)
    yield page
    context.close()


if __name__ == "__main__":
    main(sys.argv[1:])
