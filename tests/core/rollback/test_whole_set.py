"""Undoing several migrations in one go: what the older ones made goes with them, and what has no way back is known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pg_deploy.configuration.conf import RollbackConf
from pg_deploy.errors import PreflightError
from pg_deploy.ledger import pins
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.rollback.run import Undoing, read_undoings
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

FIRST, SECOND, THIRD = "20250101000000", "20250102000000", "20250103000000"


def _deploy(database: Database, folder: Path, migrations: Mapping[str, str], *, plain: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for version, sql in migrations.items():
        if plain:
            (folder / f"{version}_change.sql").write_text(sql)
        else:
            write_migration(folder, f"{version}_change", sql)
    with working_on(database.url, folder, ends="deployed") as work:
        work.deploy()


def _undo_all(database: Database, folder: Path) -> Sequence[Undoing]:
    """Undo all that was deployed, the newest first; returns what was shown before."""
    (folder / "empty").mkdir()
    with working_on(database.url, folder / "empty") as work:
        shown = read_undoings(work.job.ledger, RollbackConf(down_to="0"), work.job.log)
        pins.pin_undo(work.job.ledger, work.job.deployment_id, [each.pinned for each in shown])
        for each in shown:
            roll_back(work.job, each.pinned.version)
    return shown


def test_a_whole_set_needs_no_way_back_for_what_goes_with_what_it_made(database: Database, tmp_path: Path) -> None:
    """Else a set cannot be undone because it dropped a column of its own table, or added a value to its own type."""
    before = database.facts
    _deploy(
        database,
        tmp_path / "m",
        {
            FIRST: "create type public.plan as enum ('free'); create table public.plans (id int, label text, p public.plan);",
            SECOND: "alter table public.plans drop column label; alter type public.plan add value 'paid';",
        },
    )
    assert not any(each.changed_since for each in _undo_all(database, tmp_path)), (
        "what the set changed is nobody else's"
    )

    assert database.facts == before


def test_what_has_no_way_back_is_known_before_anything_is_undone(database: Database, tmp_path: Path) -> None:
    """Else the newest is undone, the next one fails, and the database is somewhere in between."""
    _deploy(
        database,
        tmp_path / "m",
        {
            FIRST: "create table public.one (id int);",
            SECOND: "alter table public.old drop column email;",
            THIRD: "create table public.three (id int);",
        },
    )
    (tmp_path / "empty").mkdir()
    with (
        working_on(database.url, tmp_path / "empty") as work,
        pytest.raises(PreflightError, match=f'(?s)column public.old.email: it was dropped.*down_to "{SECOND}"'),
    ):
        read_undoings(work.job.ledger, RollbackConf(down_to="0"), work.job.log)

    assert database.has("public.three")


def test_what_no_statement_names_comes_back_with_what_was_dropped(database: Database, tmp_path: Path) -> None:
    """Else comments, rights and sequences of what a set drops or makes again are taken for others' doing, and it stops half way."""
    role = f"reader_{abs(hash(str(tmp_path))) % 10**8}"
    database.run(f"create role {role}")
    database.run(
        f"""create type public.mood as enum ('ok', 'bad');
        create table public.notes (id int generated always as identity primary key, body text, m public.mood);
        create index notes_body on public.notes (body);
        comment on index public.notes_body is 'for the search';
        create view public.bad as select id from public.notes where m = 'bad';
        create view public.ids as select id from public.notes;
        grant select on public.ids to {role};
        create function public.low(text) returns text language sql immutable as 'select lower($1)';
        comment on function public.low(text) is 'lower';"""
    )
    before = database.facts
    _deploy(
        database,
        tmp_path / "m",
        plain=True,
        migrations={
            FIRST: "create schema crm; comment on schema crm is 'crm'; create table crm.leads (id serial); "
            "alter table public.notes alter id drop identity; alter type public.mood rename value 'bad' to 'worse';",
            SECOND: "drop index public.notes_body; drop view public.ids; create view public.ids as select 1 as id; "
            "drop function public.low(text); create function public.low(text) returns text language sql as 'select $1';",
            THIRD: "alter schema crm rename to sales; alter table sales.leads add column note text;",
        },
    )
    _undo_all(database, tmp_path)

    assert database.facts == before
