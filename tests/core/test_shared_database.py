"""Two projects with two folders share a database: each has a ledger of its own, and sees the other for what it is."""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg
import pytest

from pg_deploy.configuration.conf import DeployConf, RollbackConf, checked_conf
from pg_deploy.errors import PgDeployError, PreflightError
from pg_deploy.ledger import deployment, schema
from pg_deploy.ledger.attempt import by_id
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.errors import LedgerSchemaTakenError, OtherLedgerUnreadableError, TargetBusyError
from pg_deploy.ledger.others import versions_of_others
from pg_deploy.postgres.ledger_name import Ledgers, in_ledger, other_ledgers
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.sql_files import EngineText, engine_sql, engine_text
from pg_deploy.preflight.claiming import Identity, never_over
from pg_deploy.preflight.drift import drift_lines, keep_state, read_drift
from pg_deploy.preflight.preflight import Prepared, preflight
from pg_deploy.rollback.choose import choose_attempts
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.ui.history import read_history
from pg_deploy.ui.projects import KnownProject
from tests.core.working import working_on

A, B = "20250101000000", "20250102000000"
LOG = logging.getLogger("test")
# A reserved word, which has to be quoted, and the default.
SHOP, BILLING = "order", "deploy_ledger"


def _folder(path: Path, version: str, name: str, sql: str, rollback: str | None = None) -> Path:
    path.mkdir(exist_ok=True)
    (path / f"{version}_{name}.sql").write_text(sql)
    if rollback:
        (path / f"{version}_{name}").mkdir()
        (path / f"{version}_{name}" / "rollback.sql").write_text(rollback)
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return _folder(
        tmp_path / "shop",
        A,
        "items",
        "create table public.items (id int primary key);",
        "drop table if exists public.items;",
    )


@pytest.fixture
def billing(tmp_path: Path) -> Path:
    return _folder(tmp_path / "billing", B, "invoices", "create table public.invoices (id int primary key);")


def _deploy(url: str, folder: Path, ledger: str) -> None:
    with working_on(url, folder, ends="deployed", ledger=ledger) as work:
        work.deploy()
        keep_state(work.job.ledger, work.job.deployment_id)


def _preflight(url: str, folder: Path, ledger: str, **conf: object) -> Prepared:
    who = Identity(f"deploy_{ledger}", "run", "tester")
    chosen = checked_conf(DeployConf, {"dry_run": True, "rehearse": "none", "backup": "none", **conf})
    return preflight(Target("target_db", url, ledger), chosen, folder, who, good_for=60, log=LOG)


def _drift(url: str, ledger: str) -> list[str]:
    with Target("target_db", url, ledger).session("test") as connection:
        return drift_lines(read_drift(connection))


def test_each_of_two_projects_deploys_and_sees_its_own(
    empty_database: str, shop: Path, billing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two services on one database would otherwise write into one ledger, or each be told that its folder lacks files."""
    _deploy(empty_database, shop, SHOP)
    assert _preflight(empty_database, billing, BILLING).pinned == 0
    _deploy(empty_database, billing, BILLING)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute('select version from "order".attempt').fetchall() == [(A,)]
        assert connection.execute("select version from deploy_ledger.attempt").fetchall() == [(B,)]
        history = connection.execute("select version from supabase_migrations.schema_migrations order by 1").fetchall()
        assert history == [(A,), (B,)]
    for folder, ledger in ((shop, SHOP), (billing, BILLING)):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            _preflight(empty_database, folder, ledger)
        assert "nothing is pending" in caplog.text
        assert "applied elsewhere" not in caplog.text


def test_what_the_other_project_deployed_is_no_drift_and_is_named(
    empty_database: str, shop: Path, billing: Path
) -> None:
    """Each deployment of the other service would look like somebody's work by hand, and real drift would drown in it."""
    _deploy(empty_database, shop, SHOP)
    _deploy(empty_database, billing, BILLING)
    lines = _drift(empty_database, SHOP)
    assert lines[0] == "deployed meanwhile by other projects in this database:"
    assert any("public.invoices" in line and 'by deployment 1 of ledger "deploy_ledger"' in line for line in lines)
    assert not any("by hand" in line for line in lines)
    assert _drift(empty_database, BILLING) == []
    with psycopg.connect(empty_database) as connection:
        connection.execute("alter table public.invoices add column by_hand int")
    drift = "\n".join(_drift(empty_database, SHOP))
    assert "changed by hand since" in drift
    assert "by_hand" in drift.split("changed by hand since")[1]


def test_a_rollback_of_one_project_leaves_the_other(empty_database: str, shop: Path, billing: Path) -> None:
    """down_to of one service must neither undo the other's migrations nor stop at them."""
    _deploy(empty_database, shop, SHOP)
    _deploy(empty_database, billing, BILLING)
    with working_on(empty_database, shop, ends="rolled_back", ledger=SHOP) as work:
        (chosen,) = choose_attempts(work.job.ledger, checked_conf(RollbackConf, {"down_to": "0"}), LOG)
        assert chosen.version == A
        with pytest.raises(PgDeployError, match="belongs to the project whose ledger is"):
            choose_attempts(work.job.ledger, checked_conf(RollbackConf, {"version": B}), LOG)
        roll_back(work.job, chosen.version)
        assert by_id(work.job.ledger, chosen.id).state == "rolled_back"
        keep_state(work.job.ledger, work.job.deployment_id)
    with psycopg.connect(empty_database) as connection:
        tables = connection.execute("select relname from pg_class where relname in ('items', 'invoices')").fetchall()
        assert tables == [("invoices",)]
        assert connection.execute("select state from deploy_ledger.attempt").fetchall() == [("verified",)]
        assert connection.execute("select version from supabase_migrations.schema_migrations").fetchall() == [(B,)]


def test_a_version_of_both_folders_is_refused(empty_database: str, shop: Path, billing: Path) -> None:
    """The history holds a version once: the second project's file would count as applied, and never run."""
    _deploy(empty_database, shop, SHOP)
    _folder(billing, A, "customers", "create table public.customers (id int);")
    with pytest.raises(
        PreflightError, match=f'version {A} of "{A}_customers" belongs to the project whose ledger is "order"'
    ):
        _preflight(empty_database, billing, BILLING)


def test_a_version_of_neither_project_is_still_missed(empty_database: str, shop: Path, billing: Path) -> None:
    """A version that somebody recorded by hand is nobody's, however many projects there are."""
    _deploy(empty_database, shop, SHOP)
    with psycopg.connect(empty_database) as connection:
        connection.execute("insert into supabase_migrations.schema_migrations (version) values ('20240101000000')")
    with pytest.raises(PreflightError, match="holds version 20240101000000, but the folder has no such file"):
        _preflight(empty_database, billing, BILLING)


def test_one_project_waits_while_the_other_deploys(empty_database: str, shop: Path) -> None:
    """Two deployments at once would find each other's changes in their snapshots, and take them back."""
    with working_on(empty_database, shop, ends="failed", ledger=SHOP):
        target = Target("target_db", empty_database, BILLING)
        with target.session("test") as connection:
            schema.ensure(connection)
            claim = Claim("deploy_billing", "run", "tester", {}, "", ())
            with pytest.raises(TargetBusyError):
                deployment.claim(connection, claim, good_for=60, is_over=never_over)
    with target.session("test") as connection:
        held = deployment.claim(connection, claim, good_for=60, is_over=never_over)
        deployment.close(connection, held.id, held.fence, deployment.State.FAILED)


def test_a_users_text_is_never_read_anew(empty_database: str, tmp_path: Path) -> None:
    """A migration whose text says deploy_ledger means that word, whatever its project's ledger is called."""
    text = "create schema hidden; create table hidden.said as select 'from deploy_ledger.attempt'::text as it;"
    folder = _folder(tmp_path / "m", A, "said", text)
    (folder / f"{A}_said").mkdir()
    (folder / f"{A}_said" / "migration.yaml").write_text("touches_ledger: it only says its name\nrisk: low\n")
    with working_on(empty_database, folder, ends="deployed", ledger=SHOP) as work:
        work.deploy()
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select it from hidden.said").fetchall() == [("from deploy_ledger.attempt",)]
        recorded = connection.execute("select statements[2] from supabase_migrations.schema_migrations").fetchone()
        assert recorded is not None
        assert "deploy_ledger.attempt" in recorded[0]


def test_a_migration_that_names_any_ledger_is_refused(empty_database: str, shop: Path, billing: Path) -> None:
    """A file of one project could otherwise claim that one of the other's is deployed."""
    _deploy(empty_database, shop, SHOP)
    _folder(billing, "20250103000000", "claims", 'update "order".attempt set state = state;')
    with pytest.raises(PreflightError, match="touches_ledger"):
        _preflight(empty_database, billing, BILLING)


def test_a_schema_with_something_else_in_it_becomes_no_ledger(empty_database: str) -> None:
    """The ledger takes its schema from everybody: a team's own schema would be closed to its readers."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("create schema sales")
        connection.execute("create table sales.orders (id int)")
    with (
        Target("target_db", empty_database, "sales").session("test") as connection,
        pytest.raises(LedgerSchemaTakenError, match="is not empty and holds no ledger"),
    ):
        schema.ensure(connection)


def test_a_schema_that_the_api_may_use_does_not_pass_for_a_ledger(empty_database: str, shop: Path) -> None:
    """What is in a ledger is no fact: whoever made a schema look like one could hide from the access proof in it."""
    _deploy(empty_database, shop, SHOP)
    with Target("target_db", empty_database).session("test") as connection:
        assert other_ledgers(connection) == (SHOP,)
        connection.execute('grant usage on schema "order" to anon')
    with Target("target_db", empty_database).session("test") as connection:
        assert other_ledgers(connection) == ()


def test_a_ledger_that_the_role_may_not_read_is_named(empty_database: str, shop: Path) -> None:
    """The other team's role made it: without the grant nobody could say whose the versions are."""
    _deploy(empty_database, shop, SHOP)
    with Target("target_db", empty_database).session("test") as connection:
        connection.execute("set role authenticated")
        with pytest.raises(OtherLedgerUnreadableError, match='grant usage on schema "order"'):
            versions_of_others(connection)


def test_with_the_default_name_no_text_changes() -> None:
    """Whoever has one project must not pay for two, nor find other statements in the server's log."""
    for path in ("ui/deployments", "preflight/own_schemas", "monitor/watch/deployed"):
        assert in_ledger(engine_sql(path), Ledgers()) == engine_sql(path)
    with_both = in_ledger(
        engine_text("n.nspname <> 'deploy_ledger' or n.nspname in ('deploy_ledger', 'x')"), Ledgers("order")
    )
    assert (
        with_both
        == b"n.nspname <> all (array['deploy_ledger', 'order']) or n.nspname in ('deploy_ledger', 'order', 'x')"
    )
    own = in_ledger(EngineText(b"from deploy_ledger.a where s = 'deploy_ledger'"), Ledgers("order"))
    assert own == b"from \"order\".a where s = 'order'"


def test_the_list_of_a_projects_migrations_names_no_other_projects(
    empty_database: str, shop: Path, billing: Path
) -> None:
    """Else each project counts the other's migrations as applied elsewhere and not verified, and as files that are missing."""
    _deploy(empty_database, shop, SHOP)
    _deploy(empty_database, billing, BILLING)
    with Target("target_db", empty_database, SHOP).session("test") as connection:
        found = read_history(connection, KnownProject("shop", migrations=shop, ledger=SHOP), has_ledger=True)
    assert [(each.version, each.group) for each in found.migrations] == [(A, "verified")]
