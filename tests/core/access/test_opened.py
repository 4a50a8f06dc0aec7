"""What a migration has to declare of the objects that it brings, and what is only shown."""

from __future__ import annotations

import pytest

from pg_deploy.access.facts.differences import access_changes
from pg_deploy.catalog.reader import read_facts
from tests.core.access.conftest import Pair

TABLE = "create table public.orders (id int primary key, owner_id uuid)"
RLS = "alter table public.orders enable row level security"
POLICY = "create policy mine on public.orders for select to authenticated using (owner_id = auth.uid())"


def opened(pair: Pair, *statements: str) -> set[tuple[str, tuple[str, ...], bool]]:
    """Role, commands, and whether it has to be declared, of each new object within reach."""
    pair.deploy(*statements)
    changes = access_changes(read_facts(pair.old), read_facts(pair.new))
    return {(change.role, change.commands, change.decides) for change in changes if change.object_is_new}


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_new_table_without_row_level_security_is_open_to_every_role_with_a_grant(pair: Pair, role: str) -> None:
    """Supabase grants every new table of public to anon: forgetting row level security gives all rows away."""
    assert (role, ("delete", "insert", "select", "truncate", "update"), True) in opened(pair, TABLE)


def test_behind_row_level_security_only_what_a_policy_speaks_of_has_to_be_declared(pair: Pair) -> None:
    """Else every new table would need an entry for rows that nobody can reach, and entries would be written unread."""
    found = opened(pair, TABLE, RLS, POLICY)
    assert {each for each in found if each[2]} == {("authenticated", ("select",), True)}


def test_a_new_table_that_no_policy_opens_needs_no_declaration(pair: Pair) -> None:
    """Nobody but the role of the server reaches a row of it, and that role reaches everything."""
    found = opened(pair, TABLE, RLS)
    assert {role for role, _, decides in found if decides} == set()
    assert {role for role, _, decides in found if not decides} == {"service_role"}


def test_only_a_default_that_takes_writes_away_is_a_change_of_access(pair: Pair) -> None:
    """Else what a platform sets while a disk is full, and takes back, would roll back the migration that ran meanwhile."""
    read_only = f'alter database "{pair.new.info.dbname}" set default_transaction_read_only = true'
    before = read_facts(pair.old)
    pair.plant(read_only)
    after = read_facts(pair.new)
    assert [each.sentence for each in access_changes(before, after) if "read_only" in each.sentence] != []
    assert [each.sentence for each in access_changes(after, before) if "read_only" in each.sentence] == []


PRIVATE = "revoke all on schema private from public, anon, authenticated"
HELPER = """create function {}.everybody() returns setof text language sql security definer as 'select email::text from auth.users'"""


def test_a_function_that_moves_to_where_the_api_reaches_it_is_opened(pair: Pair) -> None:
    """Nobody called it in its old schema, so that no engine asks for its answers, and no other sentence tells of it."""
    pair.deploy("create schema private", PRIVATE, HELPER.format("private"))
    before = read_facts(pair.new)
    pair.deploy("alter function private.everybody() set schema public")
    changes = access_changes(before, read_facts(pair.new))
    assert {change.object for change in changes if change.object_is_new and change.decides} == {"public.everybody()"}


def test_a_function_that_moves_to_where_the_api_does_not_reach_it_is_lost(pair: Pair) -> None:
    """Whoever called it gets an error from then on, and a function that is on one side only is not called to find out."""
    pair.deploy("create schema private", PRIVATE, HELPER.format("public"))
    before = read_facts(pair.new)
    pair.deploy("alter function public.everybody() set schema private")
    changes = access_changes(before, read_facts(pair.new))
    assert {change.object for change in changes if change.direction == "lost" and change.decides} == {
        "public.everybody()"
    }


def test_a_right_that_may_be_granted_to_others_is_a_right(pair: Pair) -> None:
    """Else a table would be opened, or closed, without a word by whoever writes WITH GRANT OPTION."""
    taken = "revoke all on public.orders from anon"
    assert not [each for each in opened(pair, TABLE, taken) if each[0] == "anon"]
    before = read_facts(pair.new)
    assert ("anon", ("select",), True) in opened(pair, "grant select on public.orders to anon with grant option")
    granted = read_facts(pair.new)
    gained = {change.sentence for change in access_changes(before, granted)}
    lost = {change.sentence for change in access_changes(granted, before)}
    assert gained == {
        'anon may now grant others to select table "public.orders"',
        'anon could not select table "public.orders" and can now',
    }
    assert lost == {'anon could select table "public.orders" and can no longer'}
