"""The Database page, and both pages where Airflow shows them, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb

from pg_deploy.ledger import schema
from pg_deploy.postgres.session import Target
from pg_deploy.ui.database_page import AlertLine
from tests.ui.conftest import Site, Visit, serious_violations, tabbed_through

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "migrations"
FILLING = (Path(__file__).parent / "filling.sql").read_bytes()
Open = Callable[..., Visit]
HOSTILE = "<script>alert('query')</script><img src=x onerror=alert(1)>"


def with_ledger(url: str, target: str) -> Target:
    """The target, its ledger made."""
    made = Target(target, url)
    with made.session("test") as connection:
        schema.ensure(connection)
    return made


def offer_target(site: Site, target: str) -> None:
    """Let a run name the target: the page offers only targets that a run has named."""
    site.do("plain_run", dag_id="monitor_database", run_id=f"look_{target}", conf={"target": target}, state="success")


def label_of(page: Page, chart: str) -> str:
    """What a screen reader is told about a chart."""
    return page.locator(f"[data-chart={chart}]").get_attribute("aria-label") or ""


@pytest.fixture(scope="module")
def large(site: Site, new_target: Callable[[str], str]) -> Target:
    """A target with 500 deployments, 200 checks and a month of samples."""
    target = with_ledger(new_target("large"), "large")
    with target.session("test") as connection:
        connection.execute(FILLING)
    offer_target(site, "large")
    for number in (500, 491):
        site.do(
            "plain_run",
            dag_id="deploy_migrations",
            run_id=f"filled_{number}",
            conf={"target": "large"},
            state="success",
        )
    return target


@pytest.mark.acceptance
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_month_of_samples_and_500_deployments_are_charts_and_a_list(
    site: Site, large: Target, visit: Open, dark: bool
) -> None:
    """The page is opened in a hurry: each statement has five seconds on the server, and no chart more points than a screen."""
    page = visit(dark=dark).open(f"/pg-deploy/database?target={large.name}&hours=744")
    assert page.locator(".banner.bad").count() == 0
    assert page.locator("#charts canvas").count() == 6
    assert "slowest query: 125 to 125 ms" in label_of(page, "top_queries")
    # The newest step may hold fewer samples, and so a lower age.
    assert re.search(r"public\.view_1: [\d.]+ to 50 % of limit", label_of(page, "view_freshness"))
    assert "public.index_2" in label_of(page, "deployed")
    assert "and 7 more" in page.locator("section", has_text="Age of materialized views").inner_text()
    assert page.locator("section[aria-labelledby=deployments] tbody tr").count() == 50
    series = site.get(f"/pg-deploy/database/series?target={large.name}&hours=744").json()
    assert all(0 < len(chart["x"]) <= 401 for chart in series["charts"])
    assert len(series["deployments"]) > 400
    assert page.locator("#timeline .knob").count() > 10
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_text("Older ones").click()
    page.wait_for_url("**before=451**")
    assert page.locator("section[aria-labelledby=deployments] tbody tr td").first.inner_text() == "450"


@pytest.mark.acceptance
def test_the_database_is_looked_at_without_a_mouse(site: Site, large: Target, visit: Open) -> None:
    """Who cannot use a mouse has to choose a target and a time, and to reach each deployment."""
    page = visit().open(f"/pg-deploy/database?target={large.name}")
    can_act, reached = tabbed_through(page)
    assert len({which for which, _ in reached}) == can_act
    assert {outline for _, outline in reached} == {"solid"}
    page.get_by_role("link", name="7 days").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**hours=168**")


def test_each_deployment_leads_to_its_evidence_and_its_logs(site: Site, large: Target, visit: Open) -> None:
    """A line on a chart that leads nowhere makes somebody search through runs by time."""
    page = visit().open(f"/pg-deploy/database?target={large.name}")
    first = page.locator("section[aria-labelledby=deployments] tbody tr").first
    assert [link.get_attribute("href") for link in first.locator("a").all()] == [
        "/dags/deploy_migrations/runs/filled_500/plugin/deployment",
        "/dags/deploy_migrations/runs/filled_500",
    ]


@pytest.mark.acceptance
def test_a_deployment_with_200_checks_is_one_readable_page(site: Site, large: Target, visit: Open) -> None:
    """Many checks must not hide the few that failed."""
    page = visit().open(site.run_page("filled_500"))
    assert "196 of 200" in page.locator("[data-part=summary]").inner_text()
    assert page.locator("section.migration .checks > li").count() == 200
    assert page.locator("section.migration .checks .mark.bad").count() == 4
    assert page.locator("section.migration .checks tbody tr").count() == 80
    assert serious_violations(page) == []


def test_a_difference_in_access_is_red_for_whom_it_concerns(site: Site, large: Target, visit: Open) -> None:
    """Who gained rows must be seen at a glance, and read aloud, and nobody else may look guilty."""
    detail = {
        "verdict": "different",
        "against": ['user a and 3 more (authenticated) can now select 7 rows of "public.notes"'],
        "shown": [],
        "subjects": 9,
        "asked": 9,
        "kinds": [
            ["authenticated", "users"],
            ["authenticated", "without claims"],
            ["anon", "without claims"],
        ],
        "cells": [
            ["authenticated", "public.notes", "select", "different", ["users"]],
            ["authenticated", "public.notes", "insert", "proved", []],
            ["authenticated", "public.notes", "update_using", "proved", []],
            ["authenticated", "public.notes", "update_check", "equal", []],
            ["anon", "public.notes", "select", "proved", []],
            ["anon", "public.other", "select", "proved", []],
        ],
        "differences": [
            {
                "role": "authenticated",
                "object": "public.notes",
                "commands": ["select"],
                "direction": "gained",
                "sentence": "",
            },
            {
                "role": "anon, authenticated",
                "object": "public.gone",
                "commands": [],
                "direction": "lost",
                "sentence": "",
            },
            {"role": "anon", "object": "public.granted", "commands": ["delete"], "direction": "gained", "sentence": ""},
        ],
    }
    with large.session("test") as connection:
        connection.execute(
            """insert into deploy_ledger.evidence (deployment_id, attempt_id, version, location, kind, name, outcome, detail)
            select a.deployment_id, a.id, a.version, 'target', 'access', a.stem, 'different', %s
            from deploy_ledger.attempt a
            join deploy_ledger.deployment d on d.id = a.deployment_id
            where d.airflow_run = 'filled_491'""",
            [Jsonb(detail)],
        )
    page = visit().open(site.run_page("filled_491"))
    rows = {
        row.locator("th").inner_text(): [
            [mark.get_attribute("aria-label") for mark in cell.locator(".cell.different").all()]
            for cell in row.locator("td").all()
        ]
        for row in page.locator(".matrix tbody tr").all()
    }
    # The columns: anon without claims, then authenticated as users and without claims.
    assert rows == {
        "public.gone": [[f"{command}: different" for command in ("select", "insert", "update", "delete")]] * 3,
        "public.granted": [["delete: different"], [], []],
        "public.notes": [[], ["select: different"], []],
        "public.other": [[], [], []],
    }
    assert page.locator(".matrix tbody .cell.equal").first.get_attribute("aria-label") == (
        "update: no difference found, not proved"
    )
    assert "can now select 7 rows" in page.locator("section.migration .error").first.inner_text()
    assert serious_violations(page) == []


def test_alerts_say_what_to_do_and_hostile_text_stays_text(
    site: Site, new_target: Callable[[str], str], visit: Open
) -> None:
    """The text of a query is written by whoever may connect: in the page of an operator it must be text."""
    with with_ledger(new_target("alarmed"), "alarmed").session("test") as connection:
        connection.execute(
            "insert into deploy_ledger.sample (airflow_run, server_start) values ('the_monitor_run', now())"
        )
        connection.execute(
            """insert into deploy_ledger.measurement (sample_id, measure, rows)
            select s.id, 'api_latency', jsonb_build_array(jsonb_build_object(
                'object', %s::text, 'value', 12, 'unit', 'ms', 'detail', '{}'::jsonb)) from deploy_ledger.sample s""",
            [HOSTILE],
        )
        connection.execute(
            "insert into deploy_ledger.alert (measure, object, cause, what_to_do) values"
            " ('slow_queries', 'query 1', %s, 'look at its plan')",
            [f"500 ms now; {HOSTILE}"],
        )
    offer_target(site, "alarmed")
    page = visit().open("/pg-deploy/database?target=alarmed")
    alert = page.locator("section[aria-labelledby=alerts]")
    assert "1 open" in alert.inner_text()
    assert HOSTILE in alert.inner_text()
    assert "what to do: look at its plan" in alert.inner_text()
    assert (alert.locator("a").get_attribute("href") or "").endswith("/dags/monitor_database/runs/the_monitor_run")
    assert HOSTILE in page.locator("[data-chart=api_latency]").inner_text()
    assert page.locator("main script, main img").count() == 0


@pytest.fixture(scope="module")
def storied(site: Site, new_target: Callable[[str], str]) -> str:
    """A target to which two of three migrations were deployed, one by somebody else, and one by nobody; the run's id."""
    url = new_target("storied")
    run_id, state = site.do(
        "run",
        dag_id="deploy_migrations",
        url=url,
        folder=str(FIXTURES / "all_well"),
        conf={"target": "storied", "approval": "none", "migrations": ["20250101000000", "20250102000000"]},
    )
    assert state == "success"
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into supabase_migrations.schema_migrations (version, name) values ('20240101000000', 'by_hand')"
        )
        connection.execute(
            """insert into deploy_ledger.attempt
                (deployment_id, version, stem, sql_hash, state, started_at, applied_at, verified_at, ended_at)
            select deployment_id, '20240102000000', '20240102000000_only_told', sql_hash, state,
                started_at, applied_at, verified_at, ended_at
            from deploy_ledger.attempt where version = '20250101000000'"""
        )
    return str(run_id)


def test_the_history_tells_pending_applied_unverified_and_drifted_apart(
    site: Site, storied: str, visit: Open, tmp_path: Path
) -> None:
    """Before a deployment somebody asks what is in this database, and whether anybody went around us."""
    folder = tmp_path / "migrations"
    shutil.copytree(FIXTURES / "all_well", folder)
    with (folder / "20250102000000_index_orders.sql").open("a") as file:
        file.write("-- edited\n")
    (folder / "20250101000000_create_orders.sql").unlink()
    shutil.rmtree(folder / "20250101000000_create_orders", ignore_errors=True)
    site.pointer.write_text(str(folder))
    try:
        page = visit().open("/pg-deploy/database?target=storied")
    finally:
        site.pointer.unlink()
    rows = {
        row.locator("td").first.inner_text(): row.locator("td").nth(1).inner_text()
        for row in page.locator("section[aria-labelledby=history] tbody tr").all()
    }
    assert rows == {
        "20250103000000_write_as_another_role": "pending",
        "20250102000000_index_orders": "drifted: its file was edited after it was deployed",
        "20250101000000_create_orders": "applied and verified, no file",
        "20240102000000_only_told": "drifted: verified, but none of its statements ran",
        "20240101000000_by_hand": "applied elsewhere, not verified, no file",
    }
    heading = page.locator("#history").inner_text()
    for words in ("1 pending", "1 verified", "1 unverified", "2 drifted"):
        assert words in heading
    link = page.locator("section[aria-labelledby=history] a", has_text="deployment 1").first
    assert quote(storied) in (link.get_attribute("href") or "")
    assert serious_violations(page) == []


def test_the_target_is_chosen_among_those_that_runs_named(
    site: Site, large: Target, new_target: Callable[[str], str], visit: Open
) -> None:
    """Who may read these DAGs may not, for that, look into every database that Airflow can reach."""
    new_target("foreign")
    page = visit().open(f"/pg-deploy/database?target={large.name}")
    offered = page.locator("#target option").all_inner_texts()
    assert offered[0] == "target_db"
    assert large.name in offered
    assert "foreign" not in offered
    assert site.get("/pg-deploy/database?target=foreign").status_code == 404
    assert site.get("/pg-deploy/database/series?target=foreign").status_code == 404
    page.locator("#target").select_option("target_db")
    page.wait_for_url("**target=target_db**")
    assert 'there is no Airflow connection "target_db"' in page.locator(".banner.bad").inner_text()


def test_a_target_that_is_down_still_shows_what_airflow_knows(site: Site, visit: Open) -> None:
    """The page is opened most when the database is in trouble."""
    site.do("connection", name="down", url="postgresql://ours:very-secret-word@127.0.0.1:1/nothing")
    site.do("plain_run", dag_id="deploy_migrations", run_id="run_down", conf={"target": "down"}, state="failed")
    page = visit().open("/pg-deploy/database?target=down")
    assert 'target "down" cannot be read now' in page.locator(".banner.bad").inner_text()
    assert "very-secret-word" not in page.content()
    assert "very-secret-word" not in site.get("/pg-deploy/database/series?target=down").text
    assert page.locator("section[aria-labelledby=runs] a", has_text="run_down").count() == 1
    assert serious_violations(page) == []


def test_an_empty_target_says_what_to_do(site: Site, new_target: Callable[[str], str], visit: Open) -> None:
    """A first look must lead to the first step."""
    new_target("fresh")
    offer_target(site, "fresh")
    page = visit().open("/pg-deploy/database?target=fresh")
    assert "trigger deploy_migrations or monitor_database" in page.locator(".banner").first.inner_text()
    assert "4 pending" in page.locator("#history").inner_text()


@pytest.mark.acceptance
def test_airflow_shows_both_pages_and_their_links_lead_out_of_the_frame(site: Site, storied: str, visit: Open) -> None:
    """A page that nobody finds in Airflow, or that stays white in its dark mode, is not part of it."""
    run_id = storied
    assert site.get("/api/v2/plugins/importErrors").json()["total_entries"] == 0
    one = visit()
    page = one.page
    page.goto(f"{site.url}/dags/deploy_migrations/runs/{run_id}/plugin/deployment")
    frame = page.frame_locator("iframe[title=Deployment]")
    expect(frame.locator("h1")).to_have_text("Deployment 1 of storied", timeout=60000)
    page.evaluate("document.documentElement.classList.remove('light'); document.documentElement.classList.add('dark')")
    expect(frame.locator("html")).to_have_class("dark")
    with page.expect_navigation():
        frame.locator("a", has_text=run_id).first.click()
    assert page.url.rstrip("/").endswith(
        f"/dags/deploy_migrations/runs/{run_id.replace('+', '%2B').replace(':', '%3A')}"
    )
    page.goto(f"{site.url}/")
    page.get_by_role("link", name="Database").first.click()
    expect(page.frame_locator("iframe[title=Database]").locator("h1")).to_contain_text("Database", timeout=60000)
    one.problems.clear()


def test_an_alert_on_the_page_does_not_end_with_the_pages_own_address() -> None:
    """Else the one link of a notice stands as text where it leads to itself."""
    now = datetime.now(timezone.utc)
    cause = "it fails: no; the same holds for b and 3 more: https://airflow.example/pg-deploy/database?target=t"
    flapping = f"{cause}; it comes and goes: 3 times since 2026-11-29 10:30 UTC"
    shown = [AlertLine("m", "a", text, "", now, None, None).cause_without_link for text in (cause, flapping)]

    assert shown == [
        "it fails: no; the same holds for b and 3 more",
        "it fails: no; the same holds for b and 3 more; it comes and goes: 3 times since 2026-11-29 10:30 UTC",
    ]
