"""The numbers for a team's own dashboards: who may read them, in a format that the official parser reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser

from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.session import Target
from pg_deploy.ui import numbers
from pg_deploy.ui.projects import KnownProject
from tests.core.monitor.cases import SUNDAY, launcher_stopped, prepare
from tests.core.monitor.monitoring import Monitor
from tests.looking import Database
from tests.ui.conftest import PROJECT, SCRAPERS_TOKEN, Site

PATH = "/pg-deploy/metrics"


def scrape(site: Site, path: str, token: str) -> httpx.Response:
    """As Prometheus asks."""
    return httpx.get(site.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@pytest.mark.acceptance
def test_the_scrapers_token_opens_the_numbers_and_nothing_else(site: Site) -> None:
    """Else a token in a scraper's configuration is a login, or anybody reads the names of views and jobs."""
    assert site.get(PATH, user=None).status_code == 401
    assert site.get(PATH, user="nobody").status_code == 403
    assert scrape(site, PATH, "a token of somebody else").status_code in (401, 403)
    for user in ("admin", "viewer"):
        assert site.get(PATH, user=user).status_code in (200, 503)
    assert scrape(site, PATH, SCRAPERS_TOKEN).status_code in (200, 503)
    assert scrape(site, "/pg-deploy/database", SCRAPERS_TOKEN).status_code in (401, 403)


@pytest.mark.parametrize(("token", "given"), [("", "Bearer "), ("short", "Bearer short"), ("", None)])
def test_without_a_token_that_is_long_enough_nobody_is_a_scraper(
    monkeypatch: pytest.MonkeyPatch, token: str, given: str | None
) -> None:
    """Else an installation without the setting is open to everybody."""
    monkeypatch.setenv(numbers.TOKEN, token)
    assert not numbers.is_scraper(given)


def test_the_numbers_are_read_by_the_official_parser(
    demo_url: str, demo_admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a dashboard stays empty, or an alert rule never fires."""
    monkeypatch.setattr(numbers, "read_target", lambda name, ledger: Target(name, demo_url, ledger))
    parsed: Callable[[str], Iterator[Metric]] = parser.text_string_to_metric_families
    before_the_first_look = {each.name for each in parsed(numbers.expose(KnownProject(), "target_db").decode())}
    with launcher_stopped(demo_admin_url):
        prepare(demo_admin_url, "missed-run-unseen")
        Monitor(Database(demo_url), read_thresholds()).run(SUNDAY)

    families = {each.name: each for each in parsed(numbers.expose(KnownProject(), "target_db").decode())}

    assert before_the_first_look == {"pg_deploy_monitored"}
    stale = {each.labels["view"]: each.value for each in families["pg_deploy_view_stale"].samples}
    assert stale["mon.v_weekly"] == 1
    due = {each.labels["cron_job"]: each.value for each in families["pg_deploy_job_due_timestamp_seconds"].samples}
    assert due["jweekly"] == SUNDAY.replace(hour=3, minute=0).timestamp()
    alerts = {each.labels["object"] for each in families["pg_deploy_alert_since_timestamp_seconds"].samples}
    assert {"mon.v_weekly", "mon.v_biz10", "mon.v_two"} <= alerts
    assert all(each.labels["target"] == "target_db" for family in families.values() for each in family.samples)
    book = (PROJECT / "docs" / "monitor.md").read_text()
    assert [name for name in families if f"`{name}`" not in book] == []
    assert {"pg_deploy_query_calls", "pg_deploy_measure_value", "pg_deploy_alerts_open"} <= families.keys()
