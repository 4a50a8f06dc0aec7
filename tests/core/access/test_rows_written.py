"""What a migration's text says about the columns that it set, and what is told of its own writes where no copy proves it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone

import pytest

from pg_deploy.access.facts.api import api_of
from pg_deploy.access.facts.functions import policy_words
from pg_deploy.access.predicates.predicates import read_policies
from pg_deploy.access.predicates.reach import read_relations
from pg_deploy.access.sampling.columns_set import ColumnsSet
from pg_deploy.access.sampling.rows_written import judge_written_rows
from pg_deploy.access.sampling.sample_context import looked_up_by
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts, read_facts
from pg_deploy.execution.rows_written import written_here
from tests.core.access.conftest import Pair, connect

PLAIN = "update public.t set name = 'x'; "
BOTH = {"public.t": frozenset({"name", "tenant"})}
Said = Mapping[tuple[str, str], Mapping[str, object]]

THERE: Said = {
    ("table", "public.t"): {},
    ("table", "public.u"): {},
    ("column", "public.t.name"): {},
    ("column", "public.t.tenant"): {},
    ("view", "public.v"): {"definition": "SELECT tenant FROM public.t"},
    ("function", "public.writes()"): {"definition": "CREATE FUNCTION AS $$begin update t set tenant = 1; end$$"},
    ("function", "public.calls()"): {"definition": "CREATE FUNCTION AS $$begin perform public.writes(); end$$"},
    ("function", "public.reads()"): {"definition": "CREATE FUNCTION AS $$select updated_at from t$$"},
}


def _facts(said: Said) -> Facts:
    return Facts(
        frozenset(
            Fact(kind, parsed(kind, identity), json.dumps(properties), "database")
            for (kind, identity), properties in said.items()
        ),
        160000,
        datetime.now(timezone.utc),
    )


def _columns(sql: str, *written: str, more: Said | None = None) -> Mapping[str, frozenset[str]]:
    facts = _facts({**THERE, **(more or {})})
    return ColumnsSet(sql, ("public.t", *written), (facts, facts)).by_table


@pytest.mark.parametrize(
    "statement",
    [
        "update t set tenant = 2",
        'update t set ("tenant") = (select 2)',
        "insert into t (id) values (1) on conflict (id) do update set tenant = 2",
        "merge into t using u on t.id = u.id when matched then update set tenant = 2",
        "merge into t using u on t.id = u.id when matched and u.x then delete when matched then update set tenant = 2",
        "with a as (update t set tenant = 2 returning id) select id from a",
        "with a as (insert into t values (1) on conflict (id) do update set tenant = 2 returning 1) insert into u select 1 from a",
        "explain analyze update t set tenant = 2",
        "prepare p as update t set tenant = 2",
        "alter table t alter column tenant type text using name",
        "alter table t drop column tenant; alter table t add column tenant text default 'a'",
    ],
)
def test_whatever_updates_names_the_columns_that_it_sets(statement: str) -> None:
    """Whoever reads only plain updates lets rows change hands beside one that is harmless."""
    assert _columns(PLAIN + statement, "public.u") == BOTH


@pytest.mark.parametrize(
    "statement",
    [
        "do $$ begin update t set tenant = 2; end $$",
        "call public.p()",
        "prepare p as select 1; execute p",
        "select public.writes()",
        "select writes()",
        "select other.of_an_extension()",
        "select public.calls()",
        "insert into u select public.writes()",
        "create function f() returns int language sql as 'update t set tenant = 2 returning 1'; select f(); drop function f()",
        "create function f() returns int language sql begin atomic update t set tenant = 2 returning 1; end; select f()",
        "create function f() returns int language plpython3u as 'x()'; select f()",
        "create rule r as on insert to u do also update t set tenant = 2; insert into u values (1)",
        "update v set tenant = 2",
        "update unknown set tenant = 2",
        "alter table t rename to old; alter table u rename to t",
        "alter table u set schema other",
        "alter table t rename column other to tenant",
        "truncate u cascade",
        "alter table u add column c int default public.writes()",
        "create view w as select public.writes() as x; select x from w",
        "create function g() returns trigger language plpgsql as 'begin update t set tenant = 2; return null; end';"
        " create trigger g after insert on u for each row execute function g(); insert into u values (1)",
    ],
)
def test_a_table_is_left_out_if_anything_else_may_have_set_a_column(statement: str) -> None:
    """What cannot be read may have set every column."""
    assert _columns(PLAIN + statement) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "select public.reads(), auth.uid(), now()",
        "insert into u values (1)",
        "insert into u values (1) on conflict do nothing",
        "delete from u",
        "copy u from '/tmp/x'",
        "create function f() returns int language sql as 'update t set tenant = 2 returning 1'",
        "create policy p on t using (tenant = public.writes())",
        "alter table u rename column a to b",
        "alter table t add column other text",
        "create temp table scratch as select 1 as x; update scratch set x = 2",
    ],
)
def test_what_sets_no_column_of_the_table_leaves_it_told(statement: str) -> None:
    """Else a harmless update beside any other statement needs a rehearsal."""
    assert _columns(PLAIN + statement, "public.u") == {"public.t": frozenset({"name"})}


def _trigger(function: str, when: str = "BEFORE UPDATE", table: str = "public.t") -> Said:
    definition = f"CREATE TRIGGER g {when} ON {table} FOR EACH ROW EXECUTE FUNCTION public.{function}"
    return {("trigger", f"{table}.g"): {"definition": definition}}


def _function(body: str) -> Said:
    text = f"CREATE FUNCTION public.f()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $$ begin {body} end $$"
    return {("function", "public.f()"): {"definition": text}}


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("new.updated_at = now(); return new;", {"name", "updated_at"}),
        ('new."updated_at" := now(); -- the new one\n return coalesce(new, old);', {"name", "updated_at"}),
        ("select 2 into new.tenant; return new;", {"name", "tenant"}),
        ("raise notice 'x'; return null;", {"name"}),
        ("if tg_op = 'UPDATE' then insert into audit values (old.id); end if; return new;", {"name"}),
        ("new := r; return new;", None),
        ("return r;", None),
        ("select * into new from u; return new;", None),
        ("update public.t set tenant = 2; return new;", None),
        ("execute 'x'; return new;", None),
        ("perform public.calls(); return new;", None),
    ],
)
def test_a_trigger_sets_the_columns_that_its_function_names(body: str, columns: set[str] | None) -> None:
    """Nearly every table has a trigger that notes the time: that one must not hide what the text says."""
    expected = {} if columns is None else {"public.t": frozenset(columns)}
    assert _columns(PLAIN, more={**_trigger("f()"), **_function(body)}) == expected


def test_triggers_of_every_table_that_was_written_count() -> None:
    """A cascade or a trigger writes to tables that the text does not name, and these have triggers of their own."""
    more = {**_trigger("writes()", "AFTER DELETE", "public.u"), ("table", "public.w"): {}}
    assert _columns(PLAIN, "public.w", more=more) == {"public.t": frozenset({"name"})}
    assert _columns(PLAIN, "public.u", more=more) == {}
    moved = {
        ("trigger", "public.t.g"): {"definition": "CREATE TRIGGER g BEFORE UPDATE ON public.t EXECUTE FUNCTION a.m()"}
    }
    assert _columns(PLAIN, more=moved) == {}
    noted = "CREATE TRIGGER g BEFORE UPDATE ON public.t EXECUTE FUNCTION extensions.moddatetime('changed')"
    assert _columns(PLAIN, more={("trigger", "public.t.g"): {"definition": noted}})["public.t"] >= {"name", "changed"}


@pytest.mark.parametrize(
    "action", ["ON UPDATE CASCADE", "ON DELETE SET NULL", "ON UPDATE SET DEFAULT ON DELETE CASCADE"]
)
def test_a_foreign_key_sets_its_columns_where_its_parent_was_written(action: str) -> None:
    """A tenant that goes sets the rows of its members to none."""
    key: Said = {
        ("constraint", "public.t.k"): {
            "definition": f"FOREIGN KEY (tenant) REFERENCES public.u(id) {action} DEFERRABLE"
        }
    }
    assert _columns(PLAIN, "public.u", more=key) == BOTH
    assert _columns(PLAIN, more=key) == {"public.t": frozenset({"name"})}


def test_what_rests_on_a_column_changes_with_it() -> None:
    """Generated columns, rules, and functions that are defaults or belong to event triggers are in no update's text."""
    generated: Said = {("column", "public.t.tenant"): {"generated": "stored", "default": "lower(name)"}}
    assert _columns(PLAIN, more=generated) == BOTH
    rule: Said = {("rule", "public.t.r"): {"definition": "CREATE RULE"}}
    assert _columns(PLAIN, more=rule) == {}
    default: Said = {("column", "public.u.x"): {"default": "public.calls()"}}
    assert _columns(PLAIN + "insert into u values (1)", more=default) == {}
    event: Said = {("event trigger", "e"): {"function": "public.writes()", "tags": ["CREATE TABLE"]}}
    assert _columns(PLAIN + "create index on u (a)", more=event) == {"public.t": frozenset({"name"})}
    assert _columns(PLAIN + "create table n ()", more=event) == {}


def test_partitions_and_heirs_are_told_together() -> None:
    """An update of the whole sets columns of the part, whose rows are counted."""
    parts: Said = {("table", "public.part"): {"inherits": ["public.t"]}}
    both = "update t set tenant = 1; update part set name = 2"
    assert _columns(both, "public.part", more=parts) == {**BOTH, "public.part": frozenset({"name", "tenant"})}


SETUP = """
create schema hand;
create table hand.owners (id int primary key);
create table hand.members (
    id int primary key, person uuid, tenant int references hand.owners on update cascade, name text
);
create table hand.parts (id int, tenant int, name text) partition by range (id);
create table hand.parts_1 partition of hand.parts for values from (0) to (10);
create function hand.tenants() returns setof int language sql stable security definer
    as 'select tenant from hand.members where person is not null';
create function hand.touch() returns trigger language plpgsql as 'begin new.name = new.name || ''.''; return new; end';
create trigger touch before update on hand.members for each row execute function hand.touch();
create function hand.take() returns void language sql as 'update hand.members set tenant = 2';
alter table hand.members enable row level security;
alter table hand.parts enable row level security;
create policy own on hand.members for select using (tenant in (select hand.tenants()));
create policy own on hand.parts for select using (tenant = 1);
grant usage on schema hand to authenticated;
grant select on hand.members, hand.parts to authenticated;
insert into hand.owners values (1), (2);
insert into hand.members values (1, null, 1, 'a');
insert into hand.parts values (1, 1, 'a');
"""


def test_no_update_of_what_policies_read_is_missed(pair: Pair) -> None:
    """A rehearsal is what tells otherwise; without one, an update that the text hides moves rows to another tenant unsaid."""
    plain = "update hand.members set name = 'b';"
    hidden = [
        "insert into hand.members values (1) on conflict (id) do update set tenant = 2",
        "merge into hand.members m using (values (1)) v on true when matched then update set tenant = 2",
        "select hand.take()",
        "update hand.owners set id = 3 where id = 1",
        "update hand.members set person = gen_random_uuid()",
        "with a as (update hand.members set tenant = 2 returning 1) select from a",
    ]
    pair.deploy(SETUP)
    for sql, table in [
        *((f"{plain} {statement}", "hand.members") for statement in hidden),
        ("update hand.parts set tenant = 2", "hand.parts"),
    ]:
        assert any(table in sentence and "updates" in sentence for sentence in _told(pair, sql)), sql
    for sql in ("insert into hand.parts values (2, 2, 'b')", "update hand.parts set name = 'b'"):
        assert _told(pair, sql) == []


def _told(pair: Pair, sql: str) -> list[str]:
    with connect(pair.url) as own, connect(pair.url) as other:
        facts = read_facts(other)
        api = api_of(facts)
        with own.transaction(force_rollback=True):
            own.execute(sql.encode())
            written = written_here(own)
        found = judge_written_rows(
            written,
            sql,
            {relation.full_name: relation for relation in read_relations(other, api) if relation.is_table},
            read_policies(other, api),
            looked_up_by(facts, facts),
            policy_words(facts),
            (facts, facts),
        )
    return [each.sentence for each in found]
