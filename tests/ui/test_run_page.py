"""The Deployment tab, looked at in a real browser after real runs."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from tests.building import fixture, write_migration
from tests.core.working import working_on
from tests.looking import Database
from tests.ui.conftest import Site, Visit, serious_violations, tabbed_through
from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[2]
FIXTURES = PROJECT / "tests" / "fixtures" / "migrations"
Open = Callable[..., Visit]
ORDERS = "20250101000000_create_orders"
POLICIES = "20251118000002_optimize_rls_joins"


@dataclass(frozen=True)
class Deployed:
    """A run that ended: its id, its target's URL, its state."""

    run_id: str
    url: str
    state: str


def deploy(site: Site, url: str, target: str, folder: Path, **conf: object) -> Deployed:
    """Run deploy_migrations on the connection `target`; answers each approval with Approve."""
    given = {"approval": "none", "target": target, **conf}
    run_id, state = site.do(
        "run", dag_id="deploy_migrations", url=url, folder=str(folder), conf=given, answer="Approve"
    )
    return Deployed(run_id, url, state)


@pytest.fixture(scope="module")
def good(site: Site, new_target: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """All three migrations of all_well deployed by a project with a criterion and a timeline, each approved by a person."""
    folder = fixture("all_well", tmp_path_factory.mktemp("good"))
    (folder.parent / "criteria.yaml").write_text(
        "criteria: [{text: all migrations applied without errors, judged_by: deployed}]\ntimeline: {by: us, preparation: 5 min}\n"
    )
    done = deploy(site, new_target("good"), "good", folder, approval="all")
    assert done.state == "success"
    return done


def test_a_reviewer_sees_all_evidence_of_a_good_deployment(site: Site, good: Deployed, visit: Open) -> None:
    """A reviewer would sign a page that leaves out who approved what, or what was checked."""
    page = visit().open(site.run_page(good.run_id))
    assert page.locator("h1").inner_text() == "Deployment 1 of good"
    assert page.locator(".top .pill").first.inner_text() == "deployed"
    summary = page.locator("[data-part=summary]")
    assert summary.locator("tbody tr").count() == 3
    assert summary.get_by_text("approved by tester").count() == 3
    orders = page.locator("[data-part=m20250101000000]")
    with psycopg.connect(good.url) as connection:
        bundle, line = connection.execute(
            """select p.bundle_hash, (select s.summary from deploy_ledger.statement_run s order by s.id limit 1)
            from deploy_ledger.planned_migration p where p.version = '20250101000000'"""
        ).fetchone() or ("", "")
    assert bundle in orders.locator("ul").first.inner_text()
    assert "the one that was pinned" in orders.inner_text()
    assert line in orders.locator(".statements").inner_text()
    assert "none seen" in orders.locator(".statements").inner_text()
    assert orders.locator(".checks .mark.good").count() >= 3
    assert "all migrations applied without errors: met" in page.locator("[data-part=criteria]").inner_text()
    assert page.locator("[data-part=steps] tbody tr").count() > 3
    assert "the manual procedure plans" in page.locator("[data-part=steps]").inner_text()
    log = page.locator("#all-tasks a", has_text=f"{ORDERS}.apply")
    assert (log.get_attribute("href") or "").endswith(f"/tasks/{ORDERS}.apply")
    assert page.locator(".live").count() == 0


def test_one_module_alone_knows_the_addresses_of_the_pages() -> None:
    """The link in an approval led nowhere, and the tests of the pages did not see it, because they asked another address."""
    written = re.compile(r"""["'/}]/?pg[-_]deploy/(?:runs|database|static)""")
    plugins = PROJECT / "plugins"
    found = [str(path.relative_to(plugins)) for path in plugins.rglob("*.py") if written.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nobody_is_shut_out_of_the_page_of_a_run(site: Site, good: Deployed, visit: Open, dark: bool) -> None:
    """Somebody with a screen reader, or who needs contrast, has to sign as well."""
    one = visit(dark=dark)
    page = one.open(site.run_page(good.run_id))
    assert page.evaluate("document.documentElement.classList.contains('dark')") == dark
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_run_is_read_without_a_mouse(site: Site, good: Deployed, visit: Open) -> None:
    """Who cannot use a mouse has to reach each link and each folded part, and to see where they are."""
    page = visit().open(site.run_page(good.run_id))
    can_act, reached = tabbed_through(page)
    assert len({which for which, _ in reached}) == can_act
    assert {outline for _, outline in reached} == {"solid"}
    sql = page.locator("#m20250101000000-sql")
    sql.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert sql.evaluate("(each) => each.open")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"SQL of {ORDERS}"


def test_the_evidence_downloads_as_one_file_and_as_markdown(
    site: Site, good: Deployed, visit: Open, tmp_path: Path
) -> None:
    """Evidence that needs Airflow to be read is gone when that Airflow is."""
    one = visit()
    page = one.open(site.run_page(good.run_id))
    kept = {}
    for name, words in (("html", "Download as HTML"), ("md", "as Markdown")):
        with page.expect_download() as started:
            page.get_by_text(words, exact=True).click()
        assert started.value.suggested_filename == f"deployment-1-good.{name}"
        kept[name] = tmp_path / f"kept.{name}"
        started.value.save_as(kept[name])
    text = kept["html"].read_text()
    assert not re.search(r"<(script|link|img|iframe)\b|\bsrc=|@import|url\(", text)
    alone = one.context.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.set_content(text)
    assert alone.locator("[data-part=summary] tbody tr").count() == 3
    assert alone.locator(".actions, .live").count() == 0
    assert asked == []
    markdown = kept["md"].read_text()
    assert markdown.startswith("# Deployment 1 of good\n")
    assert f"| `{ORDERS}` | deployed |" in markdown
    assert markdown.count("| approved by tester |") == 3
    assert "\n\n\n\n" not in markdown


HOSTILE = "<script>alert('title')</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def bad(site: Site, new_target: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A migration whose check finds rows, so that it was rolled back; its title and those rows hold a script."""
    folder = tmp_path_factory.mktemp("bad") / "migrations"
    shutil.copytree(FIXTURES / "check_fails", folder)
    companion = folder / "20250101000000_add_colours"
    text = re.sub(r"title:.*", f'title: "{HOSTILE}"', (companion / "migration.yaml").read_text())
    (companion / "migration.yaml").write_text(text)
    (companion / "verify" / "no_colour_has_a_number.sql").write_text(
        f"""select '{HOSTILE.replace("'", "''")}' as "<b>column</b>", 'a | b ` c' as "pipe | and `tick`";\n"""
    )
    done = deploy(site, new_target("bad"), "bad", folder)
    assert done.state == "failed"
    return done


def test_a_rolled_back_deployment_shows_what_broke_it_and_the_proof_that_it_is_gone(
    site: Site, bad: Deployed, visit: Open
) -> None:
    """The engineer on call has to find the rows, not to query for them at night."""
    page = visit().open(site.run_page(bad.run_id))
    assert page.locator(".top .pill").first.inner_text() == "rolled back"
    one = page.locator("section.migration")
    assert "rolled back" in one.locator("h2").inner_text()
    broken = one.locator(".checks li", has_text="no colour has a number")
    assert broken.locator(".mark.bad").count() == 1
    assert broken.locator("tbody td").all_inner_texts() == [HOSTILE, "a | b ` c"]
    proof = one.locator("h3", has_text="Rollback and its proof")
    assert proof.count() == 1
    assert re.search(r"catalog facts as before: \d+ catalog facts compared,\s+0 differences", one.inner_text())
    assert page.locator("[data-part=tasks] .banner.bad a").first.get_attribute("href")
    assert serious_violations(page) == []
    assert "### Proof of the rollback" in site.get(site.run_page(bad.run_id) + "/report.md").text


@pytest.mark.acceptance
def test_a_rollback_run_shows_what_it_undid(site: Site, new_target: Callable[[str], str], visit: Open) -> None:
    """Days later somebody has to show that the undoing was asked for, approved and proven."""
    url = new_target("undone")
    with working_on(url, FIXTURES / "all_well", ends="deployed") as work:
        work.deploy()
    with psycopg.connect(url) as connection:
        first = connection.execute(
            "update deploy_ledger.deployment set airflow_run = 'the_first_run' returning airflow_run"
        ).fetchone()
    assert first is not None
    run_id, state = site.do(
        "run",
        dag_id="rollback_migrations",
        url=url,
        folder=str(FIXTURES / "all_well"),
        conf={"target": "undone", "down_to": "20250102000000", "approval": "all"},
        answer="Approve",
    )
    assert state == "success"
    page = visit().open(site.run_page(run_id, "rollback_migrations"))
    assert page.locator("h1").inner_text() == "Rollback 2 of undone"
    assert page.locator("[data-part=summary] tbody tr").count() == 1
    one = page.locator("section.migration")
    assert "undone" in one.locator("h2").inner_text()
    assert "approved by tester" in page.locator("[data-part=summary]").inner_text()
    assert "its own changes are gone, and no others" in one.inner_text()
    assert page.locator("[data-part=criteria]").count() == 0
    site.do("plain_run", dag_id="deploy_migrations", run_id=first[0], conf={"target": "undone"}, state="success")
    older = visit().open(site.run_page(first[0]))
    assert older.locator(".top .pill").first.inner_text() == "deployed"
    assert older.locator("[data-part=criteria]").count() == 0, "its project states none"
    assert "manual procedure" not in older.locator("[data-part=steps]").inner_text()
    assert "deployed then, undone since" in older.locator("#m20250103000000").inner_text()
    assert older.locator("#m20250102000000 .pill").inner_text() == "deployed"


def run_that_builds(url: str, phase: str) -> str:
    """Wait until an index of public.people is being built, in a phase like that one; returns the id of the run."""
    database = Database(url)
    # The table is named, because making the ledger builds indexes too.
    building = (
        "select count(*) from pg_stat_progress_create_index where relid = 'public.people'::regclass and phase like %s"
    )
    until(lambda: database.value(building, [phase]), f"an index is built, in a phase like {phase}", 120)
    return str(database.value("select airflow_run from deploy_ledger.deployment"))


@pytest.mark.acceptance
def test_the_page_of_a_running_build_shows_its_progress_and_ends_by_itself(
    site: Site, new_target: Callable[[str], str], visit: Open, tmp_path: Path
) -> None:
    """Whoever waits for an index wants to see whom it waits for, and not to press reload all night."""
    url = new_target("running")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table public.people (id bigint primary key, name text)")
        connection.execute("insert into public.people select n, 'p' || n from generate_series(1, 2000) n")
    (tmp_path / "20250101000000_index_people.sql").write_text(
        "create index concurrently people_name on public.people (name);\n"
    )
    with psycopg.connect(url, application_name="somebody else") as blocker:
        # An open transaction that wrote to the table: the build waits for it, however small the table.
        blocker.execute("insert into public.people values (0, 'nobody')")
        wait = site.begin(
            "run",
            dag_id="deploy_migrations",
            url=url,
            folder=str(tmp_path),
            conf={"target": "running", "approval": "none"},
        )
        page = visit().open(site.run_page(run_that_builds(url, "waiting%")))
        working = page.locator("[data-part=working]")
        working.wait_for()
        assert "create index concurrently people_name" in working.inner_text()
        assert "waiting for writers before build" in working.inner_text()
        assert "somebody else" in working.inner_text()
        assert working.locator("progress").count() == 1
        assert "being applied" in page.locator("[data-part=summary]").inner_text()
        assert serious_violations(page) == []
        page.locator("#m20250101000000-sql summary").click()
        blocker.rollback()
    assert wait()[1] == "success"
    page.locator(".top .pill", has_text="deployed").wait_for()
    page.wait_for_function("() => !document.querySelector('.live')")
    assert page.locator("[data-part=working]").count() == 0
    assert page.locator("#m20250101000000-sql").evaluate("(each) => each.open"), "what was open is closed by an update"
    statement = page.locator(".statements tbody tr")
    assert "somebody else" in statement.inner_text()
    assert "none seen" not in statement.inner_text()


@pytest.mark.acceptance
def test_a_long_build_is_shown_in_per_cent_and_goes_on_by_itself(
    site: Site, new_target: Callable[[str], str], visit: Open, tmp_path: Path
) -> None:
    """An hour's build without a figure looks like one that hangs, and somebody kills it."""
    url = new_target("building")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "create function public.slowly(text) returns text language plpgsql immutable"
            " as 'begin perform pg_sleep(0.004); return $1; end'"
        )
        connection.execute("create table public.people (id bigint, name text)")
        connection.execute("insert into public.people select n, repeat('p', 200) || n from generate_series(1, 4000) n")
    (tmp_path / "20250101000000_index_people.sql").write_text(
        "create index concurrently people_name on public.people (public.slowly(name));\n"
    )
    wait = site.begin(
        "run",
        dag_id="deploy_migrations",
        url=url,
        folder=str(tmp_path),
        conf={"target": "building", "approval": "none"},
    )
    page = visit().open(site.run_page(run_that_builds(url, "%")))
    said = page.locator("[data-part=working] .progress span")
    said.wait_for()
    seen: set[str] = set()
    # The page asks the server every two seconds, so its text changes by itself.
    for _ in range(200):
        text = said.inner_text() if said.count() else ""
        seen |= set(re.findall(r"(\d+) %", text))
        if len(seen) >= 3 or not page.locator(".live").count():
            break
        page.wait_for_timeout(200)
    assert len(seen) >= 3, f"the page showed {sorted(seen)} only"
    assert page.locator("[data-part=working] progress").get_attribute("value") is not None
    assert wait()[1] == "success"
    page.wait_for_function("() => !document.querySelector('.live')")
    assert page.locator(".top .pill").first.inner_text() == "deployed"


@pytest.mark.acceptance
def test_a_leak_that_the_rehearsal_finds_is_red_in_the_matrix_for_whom_it_concerns(
    site: Site, demo_cluster: cluster.Cluster, visit: Open, tmp_path: Path
) -> None:
    """Twelve policies change at once: a reviewer has to see at a glance which table is open to whom, and sign nothing."""
    name = f"ui_leaky_{secrets.token_hex(3)}"
    url = cluster.clone(demo_cluster, name)
    folder = PROJECT / "sql" / "migrations"
    write_migration(
        tmp_path / "migrations",
        POLICIES,
        f"{(folder / POLICIES).with_suffix('.sql').read_text()}\nalter policy messages_select on public.messages using (true);\n",
        rollback=(folder / POLICIES / "rollback.sql").read_text(),
        manifest="risk: medium\naccess: unchanged\n",
    )
    site.do("connection", name="leaky", url=url)
    try:
        done = deploy(site, url, "leaky", tmp_path / "migrations", backup="full", rehearse="full")
        page = visit().open(site.run_page(done.run_id))
        assert done.state == "failed"
        red = {
            (row.locator("th").inner_text(), mark.get_attribute("aria-label"))
            for row in page.locator(".matrix tbody tr.differs").all()
            for mark in row.locator(".cell.different").all()
        }
        assert red == {("public.messages", "select: different")}
        heads = page.locator(".matrix thead tr").nth(1).locator("th").all_inner_texts()
        cells = page.locator(".matrix tbody tr.differs td").all()
        concerned = [head for head, cell in zip(heads, cells, strict=True) if cell.locator(".different").count()]
        assert "users" in concerned
        assert len(concerned) < len(heads), "also red for those whom it does not concern"
        assert page.locator(".matrix tbody .cell.proved").count() > 10
        against = page.locator("section.migration li.error").all_inner_texts()
        assert any("can now select" in line and '"public.messages"' in line for line in against)
        colour = page.locator(".cell.different").first.evaluate("(one) => getComputedStyle(one).backgroundColor")
        assert colour == "rgb(179, 22, 27)"
        assert serious_violations(page) == []
        assert "nothing was touched" in page.inner_text("main") or "target was not touched" in page.inner_text("main")
    finally:
        cluster.drop(demo_cluster, name)


def test_a_run_without_evidence_says_why(site: Site, new_target: Callable[[str], str], visit: Open) -> None:
    """An empty page looks like a broken one."""
    url = new_target("empty")
    dry = deploy(site, url, "empty", FIXTURES / "all_well", dry_run=True)
    page = visit().open(site.run_page(dry.run_id))
    assert "a dry run changes nothing" in page.locator("#status").inner_text()
    assert page.locator("#all-tasks a", has_text="preflight").is_visible(), "the plan is in its log"
    for run_id, state, said in (
        ("early_one", "running", "preflight has not claimed the target yet"),
        ("cut_off", "failed", "this run ended before it claimed the target"),
    ):
        site.do("plain_run", dag_id="deploy_migrations", run_id=run_id, conf={"target": "empty"}, state=state)
        page = visit().open(site.run_page(run_id))
        assert said in page.locator("#status").inner_text()
    site.do("plain_run", dag_id="monitor_database", run_id="a_monitor_run", conf={}, state="success")
    page = visit().open(site.run_page("a_monitor_run", "monitor_database"))
    assert "deploys nothing" in page.locator("#status").inner_text()
    site.do("plain_run", dag_id="restore_backup", run_id="a_restore", conf={"target": "empty"}, state="success")
    page = visit().open(site.run_page("a_restore", "restore_backup"))
    assert page.locator("h1").inner_text() == "A backup restored beside its target"
    assert "the steps to switch" in page.locator("#status").inner_text()
    assert site.get(site.run_page("never_was")).status_code == 404


def test_hostile_content_is_only_ever_text(site: Site, bad: Deployed, visit: Open) -> None:
    """A row of the database that holds a script must not run it in the browser of whoever may deploy."""
    one = visit()
    page = one.open(site.run_page(bad.run_id))
    assert HOSTILE in page.locator("section.migration h2").inner_text()
    broken = page.locator(".checks li", has_text="no colour has a number")
    assert HOSTILE in broken.inner_text()
    assert "<b>column</b>" in broken.locator("thead").inner_text()
    assert page.locator("main script, main img").count() == 0
    answer = site.get(site.run_page(bad.run_id))
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    for name in ("report.html", "report.md"):
        found = site.get(f"{site.run_page(bad.run_id)}/{name}").text
        outside_code = re.sub(r"(`+)[^\n]*?\1", "", found)
        assert "<script>alert" not in outside_code
        assert "<img src=x" not in outside_code
    markdown = site.get(f"{site.run_page(bad.run_id)}/report.md").text
    row = next(line for line in markdown.splitlines() if line.lstrip().startswith("|") and "a \\| b" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 3, "a value broke out of its cell"


def test_a_viewer_may_look_and_a_stranger_may_not(site: Site, good: Deployed, visit: Open) -> None:
    """Evidence names tables, people and rows: only who may read the DAG may read it."""
    page = visit("viewer").open(site.run_page(good.run_id))
    assert page.locator("[data-part=summary] tbody tr").count() == 3
    paths = [
        site.run_page(good.run_id),
        *(f"{site.run_page(good.run_id)}/{name}" for name in ("live", "report.html", "report.md")),
        site.run_page("never_was"),
        "/pg-deploy/database",
        "/pg-deploy/database/series",
        "/pg-deploy/static/pages.css",
        "/pg-deploy/static/vendor/uPlot.iife.min.js",
    ]
    for path in paths:
        assert site.get(path, user=None).status_code == 401, path
        assert site.get(path, user="viewer").status_code in (200, 404), path
        # Logged in, but without the right to read any DAG.
        assert site.get(path, user="nobody").status_code == (200 if "/static/" in path else 403), path
    for path in (
        "/pg-deploy/docs",
        "/pg-deploy/openapi.json",
        "/pg-deploy/static/../app.py",
        "/pg-deploy/static/%2e%2e/app.py",
    ):
        assert site.get(path).status_code == 404, path


def test_a_target_that_is_down_leaves_airflows_side(site: Site, visit: Open) -> None:
    """When the database is away, the page is where people look first."""
    site.do("connection", name="away", url="postgresql://ours:very-secret-word@127.0.0.1:1/nothing")
    site.do("plain_run", dag_id="deploy_migrations", run_id="run_away", conf={"target": "away"}, state="failed")
    page = visit().open(site.run_page("run_away"))
    said = page.locator("#status .banner.bad").inner_text()
    assert 'target "away" cannot be read now' in said
    assert "very-secret-word" not in page.content()
    assert page.locator(".top a", has_text="run_away").get_attribute("href") == "/dags/deploy_migrations/runs/run_away"
    site.do("plain_run", dag_id="deploy_migrations", run_id="run_nowhere", conf={"target": "no_such"}, state="failed")
    assert (
        'no Airflow connection "no_such"' in visit().open(site.run_page("run_nowhere")).locator("#status").inner_text()
    )
