"""The workload proof in whole runs: what the application sends is recorded, asked on the copy, and decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg.conninfo
import pytest

from demo import cluster
from tests.building import write_migration
from tests.dags.conftest import Deploy, Monitor
from tests.dags.states import DEPLOYED
from tests.looking import Database

FULL = {"backup": "full", "rehearse": "full"}
STEM = "20250101000000_change"
SENT = (
    "select id, note from public.orders where customer_id = 7",
    "insert into public.orders (customer_id, note) values (1, 'x')",
    "select count(*) from public.orders",
    "select name from public.customer where id = 3",
)


@pytest.fixture
def application(database: Database, demo_cluster: cluster.Cluster) -> Iterator[str]:
    """Two tables, and a role whose statements the server has recorded."""
    name = str(psycopg.conninfo.conninfo_to_dict(database.url)["dbname"])
    database.run(
        "create table public.customer (id bigint primary key, name text);"
        "create table public.orders (id bigint generated always as identity primary key, customer_id bigint, note text);"
        "insert into public.customer select n, 'c' || n from generate_series(1, 200) n;"
        "insert into public.orders (customer_id, note) select n % 200, 'note' from generate_series(1, 5000) n;"
        "analyze public.customer, public.orders"
    )
    with psycopg.connect(demo_cluster.admin_url(name), autocommit=True) as admin:
        admin.execute("create role shop_app")
        admin.execute("grant usage on schema public to shop_app")
        admin.execute("grant select, insert on public.customer, public.orders to shop_app")
        admin.execute("set role shop_app")
        for statement in SENT * 3:
            with admin.transaction(force_rollback=True):
                admin.execute(statement.encode())
        admin.execute("reset role")
        yield "shop_app"
        admin.execute("drop owned by shop_app")
        admin.execute("drop role shop_app")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups of each test in a folder of its own."""
    monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path / 'backups'}")


def _write(folder: Path, sql: str, manifest: str = "risk: low\n") -> Path:
    write_migration(folder, STEM, sql, manifest=manifest)
    return folder


def test_what_the_application_sends_is_not_broken_by_a_column_that_is_dropped(
    database: Database, application: str, deploy: Deploy, tmp_path: Path
) -> None:
    """Else the application fails in the second after the deployment, which was green."""
    folder = _write(tmp_path / "m", "alter table public.orders drop column note;\n")

    result = deploy(folder, FULL)

    assert result.state == "failed"
    assert "breaks 2 statements that shop_app sends" in result.text
    assert 'column "note" does not exist' in result.text
    assert '- {object: "public.orders.note", why:' in result.text
    assert (
        database.value(
            "select count(*) from pg_attribute where attrelid = 'public.orders'::regclass and attname = 'note'"
        )
        == 1
    )


@pytest.mark.acceptance
def test_what_nobody_is_hurt_by_passes_and_is_asked_again_on_the_target(
    database: Database, application: str, deploy: Deploy, tmp_path: Path
) -> None:
    """A false alarm would teach people to switch the proof off."""
    folder = _write(tmp_path / "m", "alter table public.customer add column seen timestamptz;\n")

    result = deploy(folder, FULL)

    assert result.state == "success", result.text
    assert result.group(STEM) == DEPLOYED
    assert "workload: as before" in result.text
    assert [outcome for _, outcome in database.evidence("workload proof")] == ["as before", "as before"]


@pytest.mark.acceptance
def test_with_report_what_breaks_is_shown_and_deployed(
    database: Database, application: str, deploy: Deploy, tmp_path: Path
) -> None:
    """The team's word, at the moment of triggering, that it knows."""
    folder = _write(tmp_path / "m", "alter table public.orders drop column note;\n")

    result = deploy(folder, {**FULL, "workload": "report"})

    assert result.state == "success", result.text
    assert "breaks 2 statements that shop_app sends" in result.text


@pytest.mark.acceptance
def test_a_right_that_is_taken_away_is_forbidden_to_the_role_that_sends(
    database: Database, application: str, deploy: Deploy, tmp_path: Path
) -> None:
    """Names and types alone are not enough: rights are the role's own."""
    folder = _write(tmp_path / "m", "revoke insert on public.orders from shop_app;\n", "risk: low\naccess: changed\n")

    result = deploy(folder, FULL)

    assert result.state == "failed"
    assert "forbidden: permission denied for table orders" in result.text


@pytest.mark.acceptance
def test_a_statement_that_is_measurably_slower_fails_and_shows_both_plans(
    database: Database, application: str, deploy: Deploy, tmp_path: Path
) -> None:
    """The benchmark that nobody had to write."""
    database.run(
        "create table public.visits (id bigint primary key, visitor integer, note text);"
        "insert into public.visits select n, n % 50000, 'a visit of some length' from generate_series(1, 600000) n;"
        "create index visits_visitor on public.visits (visitor);"
        "analyze public.visits;"
        "grant select on public.visits to shop_app"
    )
    for visitor in range(5):
        database.run(f"select count(note) from public.visits where visitor = {visitor}")
    folder = _write(tmp_path / "m", "drop index public.visits_visitor;\n")

    result = deploy(folder, FULL)

    assert result.state == "failed"
    assert "times slower" in result.text
    assert "select count(note) from public.visits where visitor = $1" in result.text
    ((_, outcome),) = database.evidence("workload proof")
    assert outcome == "breaks"


@pytest.mark.acceptance
def test_a_declared_drop_passes_only_when_nobody_was_heard_for_so_long(
    database: Database, application: str, deploy: Deploy, monitor: Monitor, tmp_path: Path
) -> None:
    """A line in a file is the author's hope; the monitor's record is what the server knows."""
    breaks = "breaks:\n  - {object: public.orders.note, why: release 3 reads it no more, quiet_for: 1 s}\n"
    folder = _write(tmp_path / "m", "alter table public.orders drop column note;\n", f"risk: low\n{breaks}")

    early = deploy(folder, FULL)
    first = monitor()
    second = monitor()
    late = deploy(folder, FULL)

    assert early.state == "failed"
    assert "declared, but not quiet for 1 s: there are no samples: schedule monitor_database" in early.text
    assert "20250101000000_change declares that it breaks public.orders.note (release 3 reads it no more)" in early.text
    assert "✓ quiet for 1 s" in late.text
    assert (first.state, second.state) == ("success", "success")
    assert late.state == "success", late.text
    assert "declared (release 3 reads it no more): broken:" in late.text
