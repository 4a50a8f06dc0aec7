"""Each lint: a clean database, a look-alike that is fine, the violation, and its fix."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.catalog.finding import Finding
from pg_deploy.catalog.reader import read_facts
from pg_deploy.deployment.lints import FAILING, lints, run_lints, with_what_rests_on_it
from pg_deploy.postgres.session import Connection

TABLE = "create table public.note (id int primary key, owner_id uuid, body text);"
GUARDED = TABLE + "alter table public.note enable row level security;"
CLOSED = " revoke all on {} from public, anon, authenticated;"

# By lint: what is fine, what violates it, the object that the finding names, and what mends it.
CASES: dict[str, tuple[str, str, str, str]] = {
    "rls_disabled_on_exposed_table": (
        TABLE + CLOSED.format("public.note"),
        "grant select on public.note to anon",
        "public.note",
        "alter table public.note enable row level security",
    ),
    "policy_always_true_for_a_write": (
        GUARDED + "create policy reading on public.note for select using (true);"
        "create policy service on public.note to service_role using (true)",
        "create policy writing on public.note for update to authenticated using (owner_id is null) with check (true)",
        "public.note.writing",
        "alter policy writing on public.note with check (owner_id is null)",
    ),
    "function_search_path_mutable": (
        "create function public.one() returns int language sql set search_path = '' as 'select 1'",
        "create function public.two() returns int language sql as 'select 2'",
        "public.two()",
        "alter function public.two() set search_path = ''",
    ),
    "definer_function_open_to_the_api": (
        "create function public.one() returns int language sql security definer set search_path = '' as 'select 1';"
        + CLOSED.format("function public.one()"),
        "grant execute on function public.one() to authenticated",
        "public.one()",
        "alter function public.one() security invoker",
    ),
    "materialized_view_open_to_the_api": (
        "create materialized view public.totals as select 1 as n;" + CLOSED.format("public.totals"),
        "grant select on public.totals to authenticated",
        "public.totals",
        "revoke select on public.totals from authenticated",
    ),
    "owner_rights_view_open_to_the_api": (
        GUARDED + "create view public.notes with (security_invoker = true) as select * from public.note",
        "alter view public.notes reset (security_invoker)",
        "public.notes",
        "alter view public.notes set (security_invoker = true)",
    ),
    "auth_call_for_each_row": (
        GUARDED + "create policy own on public.note for select using (owner_id = (select auth.uid()))",
        "alter policy own on public.note using (owner_id = auth.uid())",
        "public.note.own",
        "alter policy own on public.note using (owner_id = (select auth.uid()))",
    ),
    "several_permissive_policies": (
        GUARDED + "create policy own on public.note for select to authenticated using (owner_id is null);"
        "create policy narrow on public.note as restrictive for select to authenticated using (id > 0);"
        "create policy other on public.note for delete to authenticated using (owner_id is null)",
        "create policy more on public.note for select to authenticated using (id = 1)",
        "public.note for select to authenticated",
        "drop policy more on public.note",
    ),
    "duplicate_index": (
        GUARDED + "create index note_owner on public.note (owner_id); create index note_part on public.note (owner_id)"
        " where body is null",
        "create index note_owner_again on public.note (owner_id)",
        "public.note_owner_again",
        "drop index public.note_owner_again",
    ),
    "unindexed_foreign_key": (
        GUARDED + "create table public.tag (id int primary key, note_id int references public.note);"
        "alter table public.tag enable row level security; create index tag_note on public.tag (note_id, id)",
        "drop index public.tag_note",
        "public.tag.tag_note_id_fkey",
        "create index on public.tag (note_id)",
    ),
}


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection]:
    with psycopg.connect(empty_database, autocommit=True) as opened:
        yield opened


def findings_of(connection: Connection, name: str) -> list[Finding]:
    return [finding for finding in run_lints(connection) if finding.name == name]


@pytest.mark.parametrize("name", CASES)
def test_a_lint_sees_the_violation_and_nothing_else(connection: Connection, name: str) -> None:
    """A lint that also fires on the look-alike is switched off by its readers, and then misses the violation."""
    fine, violation, named, fix = CASES[name]
    baseline = findings_of(connection, name)
    connection.execute(fine.encode())
    assert findings_of(connection, name) == baseline
    connection.execute(violation.encode())
    new = [finding for finding in findings_of(connection, name) if finding not in baseline]
    assert [finding.object for finding in new] == [named]
    assert new[0].detail
    assert new[0].remedy
    connection.execute(fix.encode())
    assert findings_of(connection, name) == baseline


def test_an_invalid_index_is_found(connection: Connection) -> None:
    """A failed concurrent build is listed in pg_indexes like any other, and slows every write for nothing."""
    connection.execute(GUARDED.encode())
    connection.execute("insert into public.note values (1, null, 'a'), (2, null, 'a')")
    assert findings_of(connection, "invalid_index") == []
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("create unique index concurrently note_body on public.note (body)")
    assert [finding.object for finding in findings_of(connection, "invalid_index")] == ["public.note_body"]
    connection.execute("drop index concurrently public.note_body")
    assert findings_of(connection, "invalid_index") == []


def test_every_lint_has_a_case_and_keeps_the_contract(connection: Connection) -> None:
    """A lint without a test is a promise that nobody keeps."""
    assert set(lints()) == {*CASES, "invalid_index"}
    assert [finding for finding in run_lints(connection) if "could not run" in finding.detail] == []


# Names that must be quoted, and that hold what names are taken apart by.
HOSTILE = r"""
create schema "x.y (a"; grant usage on schema "x.y (a" to anon, authenticated;
create type "x.y (a"."mood, one" as enum ('good');
create table "x.y (a"."left "" on" (id int primary key, "of us" int, owner_id uuid);
grant select on "x.y (a"."left "" on" to anon;
create table "x.y (a"."key. to" (id int constraint "refers (to" references "x.y (a"."left "" on");
alter table "x.y (a"."key. to" enable row level security;
create policy "all. of ""it" on "x.y (a"."key. to" for update to authenticated using (true);
create policy "own, for" on "x.y (a"."key. to" for update to authenticated using (auth.uid() is not null);
create index "one on (a" on "x.y (a"."left "" on" ("of us");
create index "two on. ""b" on "x.y (a"."left "" on" ("of us");
create materialized view "x.y (a"."sums on (" as select 1 as n; grant select on "x.y (a"."sums on (" to anon;
create view "x.y (a"."seen. by" as select id from "x.y (a"."left "" on"; grant select on "x.y (a"."seen. by" to anon;
create function "x.y (a"."say ""(hi" ("x.y (a"."mood, one"[], text default 'a, b') returns boolean language sql as 'select true';
create function "x.y (a"."may. ""see(" (a int, variadic b public.mood[]) returns boolean language sql security definer
    as 'select true';
grant execute on function "x.y (a"."may. ""see(" (int, public.mood[]) to anon;
create policy asks on "x.y (a"."left "" on" using ("x.y (a"."may. ""see("(1, 'good') and "x.y (a"."say ""(hi"(null));
"""
_KIND_OF_OBJECT = {
    "rls_disabled_on_exposed_table": "table",
    "policy_always_true_for_a_write": "policy",
    "function_search_path_mutable": "function",
    "definer_function_open_to_the_api": "function",
    "materialized_view_open_to_the_api": "materialized view",
    "owner_rights_view_open_to_the_api": "view",
    "auth_call_for_each_row": "policy",
    "several_permissive_policies": "table",
    "duplicate_index": "index",
    "unindexed_foreign_key": "constraint",
    "invalid_index": "index",
}


def test_every_lint_names_its_object_as_the_facts_do_whatever_its_name(connection: Connection) -> None:
    """Whoever allows a finding pastes the identity that all else prints, and what rests on a function is found by it."""
    connection.execute(b"create type public.mood as enum ('good')")
    before = {finding.key for finding in run_lints(connection)}
    connection.execute(HOSTILE.encode())
    connection.execute("""insert into "x.y (a"."left "" on" values (1, 1), (2, 1)""")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("""create unique index concurrently "twice. ""(on" on "x.y (a"."left "" on" ("of us")""")

    facts = read_facts(connection)
    new = [finding for finding in run_lints(connection) if finding.key not in before]
    assert {finding.name for finding in new} == set(_KIND_OF_OBJECT) == set(lints())
    for finding in new:
        named = finding.object
        if finding.name == "several_permissive_policies":
            named = named.removesuffix(" for update to authenticated")
        assert (_KIND_OF_OBJECT[finding.name], named) in facts.by_key, finding
    resting = {
        finding.object: with_what_rests_on_it(finding, facts).detail
        for finding in new
        if _KIND_OF_OBJECT[finding.name] == "function"
    }
    assert len(resting) == 2
    for name, said in resting.items():
        assert """what rests on it: policy "x.y (a"."left "" on".asks""" in said, name


def test_only_what_a_migration_adds_counts(connection: Connection) -> None:
    """Old sins must not stop a migration that has nothing to do with them, nor may a new one hide behind an old."""
    connection.execute((TABLE + "grant select on public.note to anon").encode())
    before = run_lints(connection)
    assert [finding.name for finding in before if finding.level in FAILING] != []
    connection.execute("create table public.more (id int primary key)")
    after = run_lints(connection)
    added = {finding.key for finding in after} - {finding.key for finding in before}
    assert added == {("rls_disabled_on_exposed_table", "public.more")}


def test_a_finding_says_what_rests_on_its_function_through_any_depth(connection: Connection) -> None:
    """The server knows only the direct call: who follows "revoke execute" would take the rows from those who may see them."""
    connection.execute(
        (
            GUARDED
            + "create function public.inner_one() returns boolean language sql security definer set search_path = ''"
            " as 'select true';"
            "create function public.outer_one() returns boolean language sql set search_path = '' as"
            " 'select public.inner_one()';"
            "create policy own on public.note for select using (public.outer_one());"
            "create function public.alone() returns boolean language sql security definer set search_path = '' as 'select true'"
        ).encode()
    )
    facts = read_facts(connection)
    said = {
        finding.object: with_what_rests_on_it(finding, facts).detail
        for finding in findings_of(connection, "definer_function_open_to_the_api")
    }
    assert "what rests on it: policy public.note.own" in said["public.inner_one()"]
    assert "rests" not in said["public.alone()"]
