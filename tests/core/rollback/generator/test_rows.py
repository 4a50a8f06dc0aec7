"""Which statements of a text write rows that were there before: read from the text, where the catalog shows nothing."""

from __future__ import annotations

import pytest

from pg_deploy.rollback.generator.row_changes import Named, read_row_changes

THERE = {("table", "public.t"), ("column", "public.t.price")}
MADE = {("table", "public.t"), ("column", "public.t.price"), ("column", "public.t.more")}
SWAP = "alter table public.t rename to old; create table public.t (a int);"


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        ("update public.t set price = 1;", [1]),
        (f"{SWAP}\ninsert into public.t select a from public.old;", []),
        (f"{SWAP}\nupdate public.old set a = 1;", [2]),
        (f"update public.t set price = 1;\n{SWAP}", [1]),
        (f"begin;\n{SWAP}\ninsert into t values (1);\ncommit;", []),
        (
            "create table n (a int);\ninsert into n select 1;\nalter table public.t rename to old;\nalter table n rename to t;",
            [],
        ),
        ("create table n (a int); alter table n rename to m;\ndelete from n;", [2]),
        ("create table n (a int); alter table n set schema app;\ndelete from app.n;", []),
        ("create table public.m as select 1 as a;\nupdate public.m set a = 2;", []),
        ("create table if not exists public.t (a int);\ninsert into public.t values (1);", [2]),
        ("create table if not exists public.fresh (a int);\ninsert into public.fresh values (1);", []),
        (
            "alter table public.t rename price to old; alter table public.t add price int;\nupdate public.t set price = 1;",
            [],
        ),
        (
            "alter table public.t rename price to old; alter table public.t add price int;\nupdate t set price = 1, old = 2;",
            [2],
        ),
        ("alter table public.t add column if not exists price int;\nupdate public.t set price = 1;", [2]),
        ("alter table public.t add more int; alter table public.t rename to u;\nupdate public.u set more = 1;", []),
        (
            "alter table public.t add more int; alter table public.t rename more to less;\nupdate public.t set less = 1;",
            [],
        ),
    ],
)
def test_what_the_text_made_is_new_from_there_on(sql: str, lines: list[int]) -> None:
    """Else a swap that is filled is refused, or rows that were there are changed and nobody says so."""
    assert [change.line for change in read_row_changes(sql, Named(frozenset(THERE), frozenset(MADE)))] == lines
