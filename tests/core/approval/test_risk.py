"""The risk is not the author's word alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pg_deploy.approval.risk import raised_risk, risk_in_force
from pg_deploy.ledger.kinds.rehearsal import Changes, Held, Rehearsal, RehearsalOutcome, StatementLocks
from pg_deploy.migrations.migration import Migration, load, read_folder
from pg_deploy.parsing.lock_modes import Lock
from tests.building import write_migration

STEM = "20250101000000_change"
LOW = "risk: low\n"
SEEN = Rehearsal(STEM, RehearsalOutcome.PASSED)
HELD = Held("public.t", Lock.ACCESS_EXCLUSIVE, 3.0)


def _load(folder: Path, sql: str, rollback: str | None, manifest: str = LOW) -> Migration:
    write_migration(folder / "m", STEM, sql, rollback=rollback, manifest=manifest)
    return load(read_folder(folder / "m")[0])


def _raised(migration: Migration, rehearsed: Rehearsal | None = None) -> str:
    return "; ".join(raised_risk(migration, rehearsed, lock_budget=2.0, lock_reason=""))


@pytest.mark.parametrize(
    ("sql", "rollback", "manifest", "why"),
    [
        (
            "update public.messages set content = 'removed';",
            "select 1;",
            LOW,
            "writes or deletes rows of public.messages",
        ),
        ("delete from public.messages;", None, LOW + "rollback: none\nrollback_reason: gone\n", "cannot be undone"),
        ("truncate public.messages;", "select 1;", LOW, "rows"),
        ("do $$ begin execute 'delete from public.messages'; end $$;", "select 1;", LOW, "rows of tables in code"),
        ("drop table public.old;", "create table public.old (id int);", LOW, "drops table public.old"),
        ("alter table public.t drop column c;", "alter table public.t add column c int;", LOW, "drops column c"),
        ("grant select on public.t to anon;", "revoke select on public.t from anon;", LOW, "who may do what"),
        (
            "alter policy p on public.t using (true);",
            "alter policy p on public.t using (false);",
            LOW,
            "who may do what",
        ),
        ("alter table public.t disable row level security;", "select 1;", LOW, "who may do what"),
        ("alter table public.t alter column c type bigint;", "select 1;", LOW, "rewrites or scans"),
        ("alter table public.t add column c int;", "select 1;", LOW + "holds_lock: 10 s\n", "longer than the budget"),
    ],
)
def test_what_a_migration_does_raises_its_risk(
    tmp_path: Path, sql: str, rollback: str | None, manifest: str, why: str
) -> None:
    """Else whoever writes a migration could wave away the approval that the target's connection demands."""
    migration = _load(tmp_path, sql, rollback, manifest)

    reasons = raised_risk(migration, None, lock_budget=2.0, lock_reason="")

    assert any(why in reason for reason in reasons), reasons
    assert risk_in_force("low", reasons) == "high"


@pytest.mark.parametrize(
    ("sql", "rollback"),
    [
        ("create table public.n (id int);\ninsert into public.n values (1);", "drop table public.n;"),
        ("create index concurrently i on public.t (a);", "drop index concurrently if exists public.i;"),
        ("alter table public.t add column c int;", "alter table public.t drop column c;"),
        ("update public.t set a = 1;", "update public.t set a = 0;"),
        ("create function public.f() returns int language sql as $$ select 1 $$;", "drop function public.f();"),
    ],
)
def test_what_can_be_taken_back_keeps_the_word_of_its_author(tmp_path: Path, sql: str, rollback: str) -> None:
    """Else everything would be high, and nobody would look any more."""
    assert _raised(_load(tmp_path, sql, rollback)) == ""
    assert risk_in_force("low", ()) == "low"


@pytest.mark.parametrize(
    ("rehearsed", "why"),
    [
        (replace(SEEN, written=("public.messages",)), "writes or deletes rows of public.messages"),
        (replace(SEEN, changes=Changes(removed=(("table", "public.old"),))), "drops table public.old"),
        (replace(SEEN, changes=Changes(changed=(("policy", "public.t.p"),))), "who may do what"),
        (replace(SEEN, changes=Changes(added=(("grant", "table public.t to anon"),))), "who may do what"),
        (replace(SEEN, statements=(StatementLocks(1, "", 3.0, (HELD,)),)), "held a lock for 3"),
    ],
)
def test_what_a_rehearsal_saw_counts_whatever_the_text_hides(tmp_path: Path, rehearsed: Rehearsal, why: str) -> None:
    """Else a function or a do block would be a way around all of it."""
    assert why in _raised(_load(tmp_path, "select public.do_it();", "select 1;"), rehearsed)


def test_what_a_new_table_brings_with_it_is_no_change_of_access(tmp_path: Path) -> None:
    """Else each new table of a Supabase project, which grants it to the API by default, would be a high risk."""
    made = Changes(added=(("table", "public.n"), ("grant", "table public.n to anon"), ("policy", "public.n.p")))
    seen = replace(SEEN, changes=made)

    assert _raised(_load(tmp_path, "create table public.n (id int);", "drop table public.n;"), seen) == ""
