"""deploy_migrations when nothing goes wrong: what is deployed, what is recorded, what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import fixture, write_migration
from tests.dags.conftest import Deploy
from tests.dags.states import AROUND, DEPLOYED, NOTHING_TO_DO
from tests.looking import Database

ORDERS = "20250101000000_create_orders"
INDEXES = "20250102000000_index_orders"
ROLE = "20250103000000_write_as_another_role"
VERSIONS = [stem.split("_")[0] for stem in (ORDERS, INDEXES, ROLE)]


def test_everything_pending_is_deployed_once_and_a_second_run_finds_nothing(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else an engineer could not trust a green run, or a repeated one would touch production again."""
    folder = fixture("all_well", tmp_path)

    first = deploy(folder)

    assert first.state == "success"
    assert {name: first.tasks[name] for name in AROUND} == AROUND
    assert [first.group(stem) for stem in (ORDERS, INDEXES, ROLE)] == [DEPLOYED] * 3
    assert database.has("public.orders_customer")
    assert database.has("public.orders_customer_id")
    assert database.invalid_indexes == []
    assert database.rows("select customer from public.orders order by id") == [
        ("first",),
        ("written by the service role",),
    ]
    assert database.deployments == ["deployed"]
    assert database.attempts == [(version, "verified") for version in VERSIONS]
    assert database.evidence("check") == [
        ("every_index_is_valid", "passed"),
        ("a_second_order_can_be_written", "passed"),
        ("figures_are_exact_on_a_copy", "not run"),
        ("row_level_security_is_on", "passed"),
        ("every_index_is_valid", "passed"),
        ("both_indexes_are_there", "passed"),
        ("every_index_is_valid", "passed"),
        ("the_order_is_there_once", "passed"),
    ]
    assert database.evidence("report") == [("report", "deployed")]
    assert [row[0] for row in database.rows("select moment from deploy_ledger.snapshot order by id")] == [
        *["before", "after"] * 3,
        "deployed",
    ]
    # A segment is a transaction, or one statement outside any; each ran once.
    assert database.statements(VERSIONS[0]) == [(1, 1, ordinal, True) for ordinal in (1, 2, 3, 4)]
    assert database.statements(VERSIONS[1]) == [(1, 1, 1, True), (1, 2, 2, True)]
    notice = "NOTICE: orders hold 1 rows"
    assert notice in first.text
    assert [notice] in [row[0] for row in database.rows("select notices from deploy_ledger.statement_run")]
    # As the Supabase CLI cuts and keeps them.
    assert database.rows("select * from supabase_migrations.schema_migrations order by version") == [
        (
            VERSIONS[0],
            [
                "-- Orders, with a first one.\ncreate table public.orders (\n"
                "    id bigint generated always as identity primary key,\n    customer text not null,\n"
                "    note text default 'a; b'\n)",
                "alter table public.orders enable row level security",
                "insert into public.orders (customer) values ('first')",
                "do $$\nbegin\n    raise notice 'orders hold % rows', (select count(*) from public.orders);\nend\n$$",
            ],
            "create_orders",
        ),
        (
            VERSIONS[1],
            [
                "create index concurrently orders_customer on public.orders (customer)",
                "create unique index concurrently orders_customer_id on public.orders (customer, id)",
            ],
            "index_orders",
        ),
        (
            VERSIONS[2],
            [
                "set search_path = ''",
                "set role service_role",
                "insert into public.orders (customer) values ('written by the service role')",
            ],
            "write_as_another_role",
        ),
    ]

    before = database.facts
    second = deploy(folder)

    assert second.state == "success"
    assert [second.group(stem) for stem in (ORDERS, INDEXES, ROLE)] == [NOTHING_TO_DO] * 3
    assert "nothing is pending" in second.text
    assert "3 deployed and verified by us" in second.text
    assert database.deployments == ["deployed", "deployed"]
    assert len(database.attempts) == 3
    assert database.facts == before


@pytest.mark.acceptance
def test_one_in_the_middle_that_is_applied_already_is_passed_over(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else branches merged late could never be deployed, or would be deployed without anybody having said so."""
    folder = tmp_path / "migrations"
    names = ["20250101000000_a", "20250102000000_b", "20250103000000_c"]
    for name in names:
        table = f"public.{name[-1]}"
        write_migration(folder, name, f"create table {table} (id int);", rollback=f"drop table {table};")

    middle = deploy(folder, {"migrations": ["20250102000000"]})
    refused = deploy(folder)
    rest = deploy(folder, {"out_of_order": True})

    assert middle.state == "success"
    assert [middle.group(name) for name in names] == [NOTHING_TO_DO, DEPLOYED, NOTHING_TO_DO]
    assert "20250101000000_a was not chosen: nothing is done" in middle.text
    assert refused.state == "failed"
    assert refused.tasks["preflight"] == "failed"
    assert '"20250101000000_a" is older than the newest applied version 20250102000000' in refused.text
    assert rest.state == "success"
    assert [rest.group(name) for name in names] == [DEPLOYED, NOTHING_TO_DO, DEPLOYED]
    assert database.history == ["20250101000000", "20250102000000", "20250103000000"]
    assert database.attempts == [
        (version, "verified") for version in ("20250102000000", "20250101000000", "20250103000000")
    ]
    assert database.deployments == ["deployed", "deployed"]


@pytest.mark.acceptance
def test_what_was_applied_elsewhere_is_passed_and_called_so(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else a migration pushed with the Supabase CLI would run twice, or would look as if we had verified it.

    What its history of years holds besides, an empty file or one with a short version, stops nobody either.
    """
    folder = tmp_path / "migrations"
    write_migration(folder, "20250101000000_a", "create table public.a (id int);")
    write_migration(folder, "20250102000000_b_v2.0", "create table public.b (id int);", rollback="drop table public.b;")
    (folder / "20240101000000_nothing.sql").write_text("-- nothing\n")
    (folder / "20240102000000_empty.sql").write_text("")
    (folder / "20240103_short.sql").write_text("select 1;")
    database.run("create schema supabase_migrations")
    database.run(
        "create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)"
    )
    for version in ("20240101000000", "20240102000000", "20240103", "20250101000000"):
        database.run(f"insert into supabase_migrations.schema_migrations values ('{version}', '{{}}', 'a')")

    result = deploy(folder)

    assert result.state == "success"
    assert [result.group(name) for name in ("20250101000000_a", "20250102000000_b_v2_0")] == [NOTHING_TO_DO, DEPLOYED]
    assert "::group::applied elsewhere, not verified by us" in result.text
    assert "20250101000000_a is applied elsewhere, not verified by us: nothing to do" in result.text
    assert 'applied already, so it is left alone: "20240102000000_empty.sql" holds no SQL' in result.text
    assert "20240103_short" in result.text
    assert not database.has("public.a")
    assert database.attempts == [("20250102000000", "verified")]
    assert database.history == ["20240101000000", "20240102000000", "20240103", "20250101000000", "20250102000000"]


def test_a_dry_run_shows_the_plan_and_leaves_no_trace(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else looking at a production target would already change it."""
    folder = fixture("all_well", tmp_path)
    before = database.facts
    schemas = database.rows("select nspname from pg_namespace where nspname !~ '^pg_' order by 1")

    result = deploy(folder, {"dry_run": True, "approval": "all"})

    assert result.state == "success"
    assert {name: result.tasks[name] for name in AROUND} == AROUND
    assert [result.group(stem) for stem in (ORDERS, INDEXES, ROLE)] == [NOTHING_TO_DO] * 3
    assert database.facts == before
    assert database.rows("select nspname from pg_namespace where nspname !~ '^pg_' order by 1") == schemas
    assert not database.has("deploy_ledger.deployment")
    assert not database.has("supabase_migrations.schema_migrations")
    shown = result.text
    assert shown.index(f"plan of {ORDERS}") < shown.index(f"plan of {INDEXES}") < shown.index(f"plan of {ROLE}")
    assert "one transaction of 4 statements:" in shown
    assert "outside a transaction:" in shown
    assert "create index concurrently orders_customer" in shown
    assert "dry run: nothing was changed" in shown


@pytest.mark.acceptance
def test_a_migration_without_a_companion_is_deployed_and_called_unprotected(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a Supabase project's own folder could not be used, or its missing protection would go unsaid."""
    folder = fixture("no_companion", tmp_path)
    plain, indexed = "20250101000000_add_plain_table", "20250102000000_index_people"
    database.run("create table public.people (name text, email text)")
    database.run("insert into public.people values ('a', 'same'), ('b', 'same')")

    result = deploy(folder, {"approval": "risky"}, answer="Approve")

    assert result.state == "failed"
    assert result.group(plain) == DEPLOYED
    assert database.evidence("approval") == [(plain, "approved"), (indexed, "approved")]
    assert "unprotected: no companion: only the built-in checks run, and access is undeclared" in result.text
    assert (
        "unprotected: no rollback.sql: only what can be generated from the catalog, unproven, would undo it"
        in result.text
    )
    assert database.has("public.plain")
    # The second failed between its segments; the catalog says how the first of them is undone.
    assert result.group(indexed)["apply"] == "failed"
    assert result.group(indexed)["rollback"] == "success"
    assert f"{indexed}: this rollback is generated from the catalog as it is now, unproven" in result.text
    assert database.invalid_indexes == []
    assert database.attempts == [("20250101000000", "verified"), ("20250102000000", "rolled_back")]
    assert database.history == ["20250101000000"]
    assert not database.has("public.plain_too")
    assert database.deployments == ["rolled_back"]
