"""The side before a migration: made anew only if the same text, run on it, may not give the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Target
from pg_deploy.rehearsal.errors import RehearsalFailedError
from pg_deploy.rehearsal.rehearse import rehearse
from tests.core.backup.conftest import Place
from tests.core.rehearsal.test_rehearse import on_a_copy, write_migrations

__all__ = ["write_migrations"]

TEXTS = (
    # Nothing is made before the first that needs it.
    ("index", "create index messages_role on public.messages (role);"),
    ("table", "create table public.tag (id int); alter table public.tag enable row level security;"),
    ("schema", "create schema apart; create table apart.t (id int);"),
    ("rows", "insert into public.tag values (1);"),
    ("after_rows", "alter table public.tag add column name text;"),
    ("rewritten", "alter table public.messages add column mark uuid default gen_random_uuid();"),
    ("after_a_rewrite", "comment on table public.tag is 'x'; alter table public.tag add column size int;"),
    ("told_by_nobody", "do $$ begin create table apart.hidden (id int); end $$;"),
    ("after_it", "alter table apart.hidden add column name text;"),
    ("once_for_all", "create role of_all;"),
    ("after_a_role", "alter table apart.hidden add column size int;"),
    ("again", "alter table public.tag add column height int;"),
    ("opened", 'create policy "all" on public.messages for select to anon using (true);'),
)
MADE_FOR = ["table", "after_rows", "after_a_rewrite", "after_it", "after_a_role"]


@pytest.mark.acceptance
def test_the_side_before_is_kept_only_if_the_same_text_makes_the_same_of_it(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]]
) -> None:
    """Else each of a hundred small files costs a database, or the proof compares with rows that were never there."""
    stems = [f"202501{number:02}000000_{name}" for number, (name, _) in enumerate(TEXTS, start=1)]
    migrations = write_migrations(*((stem, text, None) for stem, (_, text) in zip(stems, TEXTS, strict=True)))
    made: list[str] = []

    with on_a_copy(place, migrations) as work:

        def twin(suffix: str) -> tuple[Target, Target]:
            made.append(TEXTS[len(work.evidence())][0])
            return work.copy.twin(suffix)

        with pytest.raises(RehearsalFailedError, match=r"anon.* can now select 10000 rows"):
            rehearse(work.job, replace(work.stage, twin=twin), migrations)
        with work.copy.admin.session("tests") as connection:
            left = connection.execute("select datname from pg_database where datname like '%before%'").fetchall()

    assert made == MADE_FOR
    assert left == []
