"""What the proof's words rest on, each net held by itself: `make mutants` breaks them one by one, and this must go red."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from psycopg import sql

from demo import cluster
from pg_deploy.access.engines import measure as measuring
from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.engine_by_impersonation import Answer
from pg_deploy.access.engines.measure import Measured
from pg_deploy.access.engines.rewritten_tables import moved_tables
from pg_deploy.access.facts.api import SUPABASE, api_of
from pg_deploy.access.facts.settled_differences import roots_of, settle
from pg_deploy.access.proof import proof as proving
from pg_deploy.access.proof.proof import Proof, prove
from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts, read_facts
from pg_deploy.postgres.session import Connection
from tests.core.access.conftest import connect

USER = "00000000-0000-4000-8000-00000000000{}"
BASE = f"""
    insert into auth.users (id) select ('00000000-0000-4000-8000-00000000000' || n)::uuid from generate_series(1, 3) n;
    create table public.docs (id int primary key, owner uuid not null, status text not null default 'private');
    insert into public.docs select n, ('00000000-0000-4000-8000-00000000000' || 1 + n % 3)::uuid, 'private'
    from generate_series(1, 9) n;
    create table public.shares (doc_id int, reader uuid);
    insert into public.shares values (1, '{USER.format(3)}'), (1, '{USER.format(3)}'), (2, '{USER.format(1)}');
    alter table public.docs enable row level security;
    alter table public.shares enable row level security;
    create policy mine on public.shares for select to authenticated using (reader = (select auth.uid()));
    create policy own on public.docs to authenticated using (owner = (select auth.uid()));
    create policy shared on public.docs for select to authenticated
    using (exists (select from public.shares s where s.doc_id = docs.id and s.reader = (select auth.uid())));
    create policy public_ones on public.docs for select to anon using (status = 'public');
    create policy strong on public.docs as restrictive for delete to authenticated
    using ((select auth.jwt() ->> 'aal') = 'aal2');
    grant select, insert, update, delete on public.docs, public.shares to anon, authenticated
"""
REWRITTEN = "alter policy own on public.docs using ((select auth.uid()) = owner)"


@dataclass
class Two:
    """Two small databases of one template: superuser connections."""

    old: Connection
    new: Connection

    def prove(self, *statements: str, **options: Any) -> Proof:
        for statement in statements:
            self.new.execute(statement.encode())
        return prove(self.old, self.new, **{"cross_check_s": 5.0, **options})


@pytest.fixture
def two(demo_cluster: cluster.Cluster) -> Iterator[Two]:
    old, new = f"nets_old_{secrets.token_hex(4)}", f"nets_new_{secrets.token_hex(4)}"
    cluster.empty(demo_cluster, old)
    try:
        with connect(demo_cluster.admin_url(old)) as connection:
            connection.execute(BASE.encode())
        with connect(demo_cluster.admin_url("postgres")) as admin:
            admin.execute(
                sql.SQL("create database {} owner postgres template {}").format(
                    sql.Identifier(new), sql.Identifier(old)
                )
            )
        with connect(demo_cluster.admin_url(old)) as one, connect(demo_cluster.admin_url(new)) as other:
            yield Two(one, other)
    finally:
        cluster.drop(demo_cluster, old)
        cluster.drop(demo_cluster, new)


def test_a_harmless_rewrite_is_the_same(two: Two) -> None:
    """Without this the tests below could be red for any reason; two shares of one document are one reader."""
    proof = two.prove(REWRITTEN)
    assert (proof.verdict, proof.found, proof.unsettled, proof.disagreements) == ("the same", (), (), ())
    assert proof.asked == proof.subjects > 100


def _tampering(monkeypatch: pytest.MonkeyPatch, engines: tuple[str, ...], sides: tuple[str, ...]) -> None:
    """As if an engine were wrong about the first user's documents: one more is counted."""
    original_measure = measuring.measure

    def measure(*arguments: Any) -> Measured:
        found = original_measure(*arguments)
        if found.side.name not in sides:
            return found
        for engine in engines:
            name = f"{engine}_answers"
            answers = {cell: dict(of) for cell, of in getattr(found, name).items()}
            for cell, of in answers.items():
                if (cell.table, cell.phase, cell.role) == ("public.docs", "select", "authenticated"):
                    of[1] = Answer(of[1].allowed + 1, 7, 7)
            found = replace(found, **{name: answers})  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(proving, "measure", measure)


@pytest.mark.parametrize("engine", ["real", "symbolic"])
def test_what_one_engine_sees_alone_is_a_difference(two: Two, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """Each engine has its blind spots: a difference that one of them sees may not be outvoted."""
    _tampering(monkeypatch, (engine,), ("new",))
    assert two.prove(REWRITTEN).verdict == "different"


def test_engines_that_disagree_prove_nothing(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong in the same way on both sides, an engine shows no difference; only the other one tells."""
    _tampering(monkeypatch, ("real",), ("old", "new"))
    proof = two.prove(REWRITTEN, cross_check_s=0.0)
    assert proof.verdict == "not proved"
    assert any("engines disagree" in each.reason for each in proof.unsettled)


@pytest.mark.parametrize("phase", ["select", "delete"])
def test_the_real_machinery_has_the_last_word(two: Two, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    """Both engines take the effective predicate from one place: only PostgreSQL itself can say that it is wrong there."""
    effective = Side.effective

    def wrong(self: Side, table: str, asked: Any, role: str) -> Any:
        found = effective(self, table, asked, role)
        if (table, asked, role) == ("public.docs", phase, "authenticated"):
            return replace(found, permissive=(*found.permissive, "true"), restrictive=())
        return found

    monkeypatch.setattr(Side, "effective", wrong)
    proof = two.prove(REWRITTEN)
    assert proof.verdict == "not proved"
    assert {each.cell.phase for each in proof.disagreements} == {phase}


def test_a_row_that_nobody_has_yet_tells_two_policies_apart(two: Two) -> None:
    """No document is public or unlisted today: the first one that is would be open to everybody."""
    proof = two.prove("alter policy public_ones on public.docs using (status in ('public', 'unlisted'))")
    assert proof.verdict == "different"
    assert {found.role for found in proof.found} == {"anon"}


def test_a_row_that_is_met_twice_is_counted_once(two: Two) -> None:
    """Two shares of one document are one reader: an engine that adds them up sees two rows where there is one."""
    for connection in (two.old, two.new):
        connection.execute(b"drop policy own on public.docs; alter policy mine on public.shares using (true)")
    proof = two.prove(
        "alter policy shared on public.docs using (exists (select from public.shares s where"
        " (select auth.uid()) = s.reader and s.doc_id = docs.id))"
    )
    assert (proof.verdict, proof.unsettled, proof.notes) == ("the same", (), ())


def test_claims_that_nobody_has_yet_tell_two_policies_apart(two: Two) -> None:
    """Signing in with a password alone was enough to delete, and the proof said that nothing had changed."""
    proof = two.prove("alter policy strong on public.docs using ((select auth.jwt() ->> 'aal') = 'aal1')")
    assert proof.verdict == "different"
    said = "\n".join(found.sentence for found in proof.found)
    assert "aal = 'aal1'" in said
    assert "can now delete" in said


def test_a_kind_of_fact_that_nobody_has_thought_of_is_not_settled(two: Two) -> None:
    """The next version's next kind of object decides something, or it does not: until somebody says so, it is not proved."""
    before = read_facts(two.old)
    invented = Fact("row mask", parsed("row mask", "public.docs.owner"), '{"shows": "everything"}', "database")
    after = Facts(before.facts | {invented}, before.server_version, before.read_at)
    found = settle(before, after, SUPABASE, frozenset())
    assert [each.object for each in found.unsettled] == ["public.docs.owner"]
    proof = prove(two.old, two.new, facts=(before, after))
    assert proof.verdict == "not proved"


RESTS: dict[str, tuple[str, tuple[str, str]]] = {
    "a function by name": (
        "create function public.f(t text) returns boolean language sql stable as 'select true';"
        " create policy p on public.docs using (public.f(status))",
        ("function", "public.f(text)"),
    ),
    "a function behind an operator": (
        "create function public.same(a uuid, b uuid) returns boolean language sql stable as 'select a = b';"
        " create operator public.=== (leftarg = uuid, rightarg = uuid, function = public.same);"
        " create policy p on public.docs using (owner operator(public.===) auth.uid())",
        ("function", "public.same(uuid,uuid)"),
    ),
    "a function behind a cast": (
        "create type public.mood as enum ('open'); create function public.to_mood(t text) returns public.mood"
        " language plpgsql stable as 'begin return null; end'; create cast (text as public.mood) with function"
        " public.to_mood(text); create policy p on public.docs using (status::public.mood = 'open')",
        ("function", "public.to_mood(text)"),
    ),
    "a name at the end of a body": (
        "create function public.last() returns bigint language sql stable as 'select count(*) from public.shares';"
        " drop policy shared on public.docs; create policy p on public.docs using (public.last() > 0)",
        ("table", "public.shares"),
    ),
    "a table that inherits": (
        "create table public.more () inherits (public.docs); create policy p on public.docs using (true)",
        ("table", "public.more"),
    ),
    "a function of a view that a policy reads": (
        "create function public.live(r uuid) returns boolean language sql stable as 'select true';"
        " create view public.live_shares as select * from public.shares where public.live(reader);"
        " create policy p on public.docs using (id in (select doc_id from public.live_shares))",
        ("function", "public.live(uuid)"),
    ),
    "a function of a cast between the server's own types": (
        "create function public.to_date(t text) returns date language plpgsql stable as 'begin return null; end';"
        " create cast (text as date) with function public.to_date(text);"
        " create policy p on public.docs using (status::date < current_date)",
        ("function", "public.to_date(text)"),
    ),
    "a function of a column's domain, which no policy names": (
        "create function public.good(t text) returns boolean language sql immutable as 'select true';"
        " create domain public.word as text check (public.good(value));"
        " alter table public.docs add column said public.word",
        ("function", "public.good(text)"),
    ),
    "a function of a domain's constraint": (
        "create function public.good(t text) returns boolean language sql immutable as 'select true';"
        " create domain public.word as text check (public.good(value));"
        " create policy p on public.docs using (status::public.word = 'x')",
        ("function", "public.good(text)"),
    ),
}


@pytest.mark.parametrize("name", RESTS)
def test_the_closure_follows_every_kind_of_edge(two: Two, name: str) -> None:
    """Each was a way to replace what a policy rests on, and to be told "equal"."""
    statements, node = RESTS[name]
    two.new.execute(statements.encode())
    closure = closure_of(read_facts(two.new))
    assert node in closure.of(("table", "public.docs"))


FUNCTION = "create or replace function public.f(t text) returns boolean language sql immutable as 'select {}'"
TRIGGER = "create or replace function public.g() returns trigger language plpgsql as 'begin perform {} from public.shares; return new; end'"
LIES: dict[str, tuple[str, str, frozenset[str], str, str]] = {
    "rows that a policy reads": ("select 1", "select 1", frozenset({"public.shares"}), "tables", "public.docs"),
    "what a function composes when it runs": (
        "create function public.f() returns boolean language plpgsql stable as $$ begin execute 'select 1'; return true; end $$;"
        " create policy p on public.docs using (public.f()); create view public.other as select 1 as one",
        "create or replace view public.other as select 2 as one",
        frozenset(),
        "tables",
        "public.docs",
    ),
    "a column that a policy's function names": (
        "create table public.seen (doc int); create function public.f(n int) returns boolean language sql stable"
        " as 'select exists (select from public.seen s where s.doc = n)'; create policy p on public.docs using (public.f(id))",
        "alter table public.seen rename column doc to document",
        frozenset(),
        "tables",
        "public.docs",
    ),
    "a function of a view": (
        f"{FUNCTION.format('true')}; create view public.v as select id from public.docs where public.f(status);"
        " grant select on public.v to anon",
        FUNCTION.format("false"),
        frozenset(),
        "views",
        "public.v",
    ),
    "a function of a function": (
        f"{FUNCTION.format('true')}; create function public.asked() returns boolean language sql as 'select public.f(null)'",
        FUNCTION.format("false"),
        frozenset(),
        "functions",
        "public.asked()",
    ),
    "a trigger": (
        f"{TRIGGER.format('1')}; create trigger t before insert on public.docs for each row execute function public.g()",
        TRIGGER.format("2"),
        frozenset(),
        "unsettled",
        "public.docs",
    ),
    "rows that a trigger reads": (
        f"{TRIGGER.format('1')}; create trigger t before insert on public.docs for each row execute function public.g()",
        "select 1",
        frozenset({"public.shares"}),
        "unsettled",
        "public.docs",
    ),
    "a rule": (
        f"{FUNCTION.format('true')}; create rule r as on insert to public.docs where public.f(new.status) do instead nothing",
        FUNCTION.format("false"),
        frozenset(),
        "unsettled",
        "public.docs",
    ),
    "a constraint": (
        f"{FUNCTION.format('true')}; alter table public.docs add constraint c check (public.f(status))",
        FUNCTION.format("false"),
        frozenset(),
        "unsettled",
        "public.docs",
    ),
    "a default": (
        f"{FUNCTION.format('true')}; alter table public.docs add column open boolean default public.f(null)",
        FUNCTION.format("false"),
        frozenset(),
        "unsettled",
        "public.docs",
    ),
    "a foreign key's action": (
        "create table public.teams (id int primary key); alter table public.docs add column team int;"
        " alter table public.docs add constraint k foreign key (team) references public.teams",
        "alter table public.docs drop constraint k;"
        " alter table public.docs add constraint k foreign key (team) references public.teams on delete cascade",
        frozenset(),
        "relations_written_otherwise",
        "public.teams",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_whatever_differs_is_in_the_way_of_what_rests_on_it(two: Two, name: str) -> None:
    """What differs is asked about wherever somebody reaches it, and what cannot be asked is not settled."""
    base, change, moved, where, what = LIES[name]
    for connection in (two.old, two.new):
        connection.execute(base.encode())
    two.new.execute(change.encode())
    found = settle(read_facts(two.old), read_facts(two.new), SUPABASE, moved)
    named = {each.object for each in found.unsettled} if where == "unsettled" else getattr(found, where)
    assert what in named


REACHED = {
    "a column that is granted alone": "grant select (id) on public.alone to anon",
    "a role that another is a member of": "grant select on public.alone to {role}; grant {role} to anon",
}


@pytest.mark.parametrize("name", REACHED)
def test_what_is_reached_by_any_way_is_reached(two: Two, name: str) -> None:
    role = f"reader_{secrets.token_hex(4)}"
    two.new.execute(f"create role {role}; create table public.alone (id int)".encode())
    try:
        two.new.execute(b"revoke all on public.alone from anon, authenticated, service_role")
        two.new.execute(REACHED[name].format(role=role).encode())
        assert "public.alone" in roots_of(read_facts(two.new), SUPABASE).tables
    finally:
        two.new.execute(f"drop table public.alone; drop role {role}".encode())


def test_a_column_that_stands_for_another_one_moves_every_row(two: Two) -> None:
    """Two columns swapped their names, no row was written, no fact differed: "equal"."""
    for statement in ("rename column owner to other", "rename column id to owner", "rename column other to id"):
        two.new.execute(f"alter table public.docs {statement}".encode())
    assert moved_tables(two.old, two.new) == {"public.docs"}


def test_a_role_that_can_be_set_to_is_asked(two: Two, demo_cluster: cluster.Cluster) -> None:
    """A role of a project's own, named in a token, was nobody: `using (true)` for it was "proved unchanged"."""
    name = f"support_{secrets.token_hex(4)}"
    with connect(demo_cluster.admin_url("postgres")) as admin:
        admin.execute(f"create role {name} nologin; grant {name} to authenticator".encode())
        try:
            two.new.execute(f"grant select on public.docs to {name}".encode())
            assert name in api_of(read_facts(two.new)).roles
        finally:
            two.new.execute(f"revoke all on public.docs from {name}".encode())
            admin.execute(f"drop role {name}".encode())


def test_an_open_transaction_of_the_proof_is_its_own(two: Two) -> None:
    """What the proof makes for itself is gone afterwards: the copy goes on to be rolled back and compared."""
    before = read_facts(two.old).database_fingerprint
    two.prove(REWRITTEN)
    assert read_facts(two.old).database_fingerprint == before
    row = two.new.execute("select to_regnamespace('access_proof') is null").fetchone()
    assert row == (True,)


READS = "create function public.how_many(wanted int) returns bigint language sql stable"
COUNT = "as 'select count(*) from public.docs where id >= wanted'"


def _carried(two: Two, *before: str, change: str = REWRITTEN) -> tuple[frozenset[str], frozenset[str]]:
    """The functions that are asked about, and of them those that answer as their tables do."""
    for statement in before:
        two.old.execute(statement.encode())
        two.new.execute(statement.encode())
    two.new.execute(change.encode())
    found = settle(read_facts(two.old), read_facts(two.new), SUPABASE, frozenset())
    return found.functions, frozenset(found.carried)


def test_a_function_of_its_caller_answers_as_the_tables_do(two: Two) -> None:
    """It has no values to be called with, or raises for all of them: what the tables give its caller is proved without it."""
    functions, carried = _carried(
        two,
        "create type public.mood as (word text)",
        "create function public.f(mood public.mood) returns bigint language sql as 'select count(*) from public.docs'",
    )
    assert functions == carried == {"public.f(public.mood)"}
    proof = two.prove()
    assert (proof.verdict, proof.unsettled) == ("the same", ())


def test_where_its_table_differs_the_table_says_so(two: Two) -> None:
    """Without a sentence of the table nobody would know: the function is not asked."""
    _carried(two, f"{READS} {COUNT}", change="alter policy own on public.docs using (true)")
    proof = two.prove()
    assert proof.verdict == "different"
    assert {found.table for found in proof.differences} == {"public.docs"}


def test_where_its_table_is_not_settled_it_is_called(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that disagree about a table say nothing of a function either."""
    _carried(two, f"{READS} {COUNT}")
    asked: list[str] = []

    def nothing(*given: Any, **_: object) -> tuple[list[str], list[str], int]:
        asked.extend(given[3])
        return [], [], 0

    monkeypatch.setattr(proving, "call_differences", nothing)
    two.prove(cross_check_s=0.0)
    assert asked == []
    _tampering(monkeypatch, ("real",), ("old", "new"))
    two.prove(cross_check_s=0.0)
    assert asked == ["public.how_many(integer)"]


CALLED = {
    "its owner is held back": (
        "do $$ begin if to_regrole('held_{r}') is null then create role held_{r}; end if; end $$;"
        " grant usage, create on schema public to held_{r}; {reads} security definer {count};"
        " alter function public.how_many(int) owner to held_{r}"
    ),
    "it acts with other claims": (
        "create function public.how_many(wanted int) returns bigint language plpgsql as $$ begin perform"
        " set_config('request.jwt.claims', '', true); return (select count(*) from public.docs); end $$"
    ),
    "it has a setting of its own": "{reads} set app.tenant = 'x' {count}",
    "it composes statements": (
        "create function public.how_many(wanted int) returns bigint language plpgsql as $$ declare n bigint; begin execute"
        " 'select count(*) from public.docs' into n; return n; end $$ -- docs"
    ),
    "a helper of it acts so": (
        "create function public.helper() returns text language sql as 'select set_config(''a.b'', ''c'', true)';"
        " create function public.how_many(wanted int) returns bigint language sql as 'select count(public.helper()) from public.docs'"
    ),
    "it reads the policies": (
        "create function public.how_many(wanted int) returns bigint language sql"
        " as 'select count(*) from public.docs, pg_policies'"
    ),
}


@pytest.mark.parametrize("why", CALLED)
def test_a_function_that_may_answer_otherwise_is_called(two: Two, why: str) -> None:
    """The engines asked somebody else's question there."""
    role = secrets.token_hex(4)
    try:
        functions, carried = _carried(two, CALLED[why].format(r=role, reads=READS, count=COUNT))
        assert ("public.how_many(integer)" in functions, carried) == (True, frozenset())
    finally:
        for connection in (two.old, two.new):
            connection.execute(
                f"do $$ begin if to_regrole('held_{role}') is not null then drop owned by held_{role}; end if; end $$".encode()
            )
        two.old.execute(f"drop role if exists held_{role}".encode())


@pytest.mark.parametrize("change", ["own text", "a helper", "row security is off"])
def test_a_function_whose_own_closure_differs_is_called(two: Two, change: str) -> None:
    """Only policies are left to the engines."""
    changes = {
        "own text": f"{REWRITTEN}; create or replace {READS.removeprefix('create ')} as 'select 1 from public.docs'",
        "a helper": f"{REWRITTEN}; create or replace function public.helper() returns int language sql as 'select 2'",
        "row security is off": "alter table public.docs disable row level security",
    }
    functions, carried = _carried(
        two,
        "create function public.helper() returns int language sql as 'select 1'",
        f"{READS} as 'select count(*) from public.docs where id > public.helper()'",
        change=changes[change],
    )
    assert ("public.how_many(integer)" in functions, carried) == (True, frozenset())


def test_a_function_whose_owner_no_policy_holds_back_answers_as_before(two: Two) -> None:
    functions, _ = _carried(two, f"{READS} security definer {COUNT}")
    assert functions == frozenset()
