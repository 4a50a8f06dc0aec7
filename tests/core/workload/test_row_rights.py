"""What the server refuses only when a row is written: a sequence that a role may not use, a table that lets in none of its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from pg_deploy.catalog.reader import read_facts
from pg_deploy.ledger.kinds.workload import Effect, Workload, WorkloadFinding
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.workload.proof import ask_again, ask_before, compare_answers
from tests.core.workload.shop import recorded

_ROLE = "rows_sender"
_TABLES = f"""
    do $$ begin if not exists (select from pg_roles where rolname = '{_ROLE}') then create role {_ROLE}; end if; end $$;
    create table public.notes (id serial primary key, body text);
    create view public.shown as select id, body from public.notes;
    create table public.lines (note int, place int);
    create table public.audit (what text);
    grant usage on schema public to {_ROLE};
    grant all on public.notes, public.shown, public.lines, public.audit to {_ROLE};
    grant all on all sequences in schema public to {_ROLE}
"""
_NOTE = "insert into notes (body) values ($1)"
_BY_DEFAULT = "insert into notes (id, body) values (default, $1) returning id"
_BY_VIEW = "insert into shown (body) values ($1)"
_WITH_ID = "insert into notes (id, body) values ($1, $2)"
_LINE = "insert into lines (note, place) values ($1, $2)"
_MOVE = "update lines set place = $1 where note = $2"
_READ = "select id, body from notes"
_ALL = (_NOTE, _BY_DEFAULT, _BY_VIEW, _WITH_ID, _LINE, _MOVE, _READ)


@pytest.fixture
def session(workload_session: Connection) -> Iterator[Connection]:
    """A superuser's session in the database with the tables."""
    workload_session.execute(_TABLES.encode())
    yield workload_session
    workload_session.execute(f"drop owned by {_ROLE} cascade")


def test_an_insert_whose_default_needs_a_sequence_that_the_role_may_not_use_is_forbidden(
    session: Connection, workload_database: str
) -> None:
    """Else the most frequent of all forgotten grants is found in production: the server checks it with the first row."""
    found = _found(
        session,
        workload_database,
        f"revoke all on sequence public.notes_id_seq from {_ROLE}; alter table public.lines add id serial",
    )

    assert {text: each.effect for text, each in found.items()} == {
        _NOTE: Effect.FORBIDDEN,
        _BY_DEFAULT: Effect.FORBIDDEN,
        _BY_VIEW: Effect.FORBIDDEN,
        _LINE: Effect.FORBIDDEN,
        _WITH_ID: Effect.AS_BEFORE,
        _MOVE: Effect.AS_BEFORE,
        _READ: Effect.AS_BEFORE,
    }
    assert found[_LINE].remedy == f"grant usage on sequence public.lines_id_seq to {_ROLE};"
    assert found[_LINE].objects == ("public.lines_id_seq",)
    assert found[_LINE].sqlstate == "42501"


@pytest.mark.parametrize(
    "migration",
    [
        f"alter table public.lines add id serial; grant usage on sequence public.lines_id_seq to {_ROLE}",
        f"alter table public.lines add id serial; grant update on sequence public.lines_id_seq to {_ROLE}",
        "alter table public.lines add id bigint generated always as identity",
        f"alter table public.notes enable row level security; create policy own on public.notes to {_ROLE} using (true)",
        f"alter table public.notes owner to {_ROLE}; alter table public.notes enable row level security",
    ],
)
def test_what_the_role_may_use_and_write_is_no_finding(
    session: Connection, workload_database: str, migration: str
) -> None:
    """Else a migration that brings its grants, or needs none, fails its rehearsal."""
    found = _found(session, workload_database, migration)

    assert found.keys() == {*_ALL}
    assert not [each for each in found.values() if each.effect is Effect.FORBIDDEN]


def test_a_table_whose_policies_let_in_no_row_of_the_role_forbids_its_inserts(
    session: Connection, workload_database: str
) -> None:
    """Else every insert fails with "new row violates row-level security policy" after a rehearsal that was green."""
    migration = (
        "alter table public.notes enable row level security; create policy seen on public.notes for select using (true)"
    )
    found = _found(session, workload_database, migration)

    assert {text for text, each in found.items() if each.effect is Effect.FORBIDDEN} == {_NOTE, _BY_DEFAULT, _WITH_ID}
    assert found[_NOTE].objects == ("public.notes",)


_AUDIT = """
    create table public.trail (what text, at timestamptz not null default now());
    create function public.keep_trail() returns trigger language plpgsql {how} as
        $$ begin {first} insert into public.trail (what) values (tg_op); return new; end $$;
    create trigger keep_trail before insert or update on public.lines for each row execute function public.keep_trail()
"""


@pytest.mark.parametrize(
    ("how", "first", "effect"),
    [
        ("", "", Effect.FORBIDDEN),
        ("", "if new.place > 3 then return new; end if;", Effect.MAY_BE_REFUSED),
        ("security definer", "", Effect.AS_BEFORE),
    ],
)
def test_a_trigger_that_may_not_do_what_it_does_with_the_writers_rights_is_named(
    session: Connection, workload_database: str, how: str, first: str, effect: Effect
) -> None:
    """Else a new audit whose table was granted to nobody refuses every write of the tables that it watches."""
    found = _found(session, workload_database, _AUDIT.format(how=how, first=first))

    assert {each.effect for text, each in found.items() if text in (_LINE, _MOVE)} == {effect}
    assert {each.effect for text, each in found.items() if text not in (_LINE, _MOVE)} == {Effect.AS_BEFORE}
    if effect is Effect.FORBIDDEN:
        assert found[_MOVE].objects == ("public.trail",)


def test_a_trigger_that_was_fine_is_named_when_its_table_is_kept_from_the_writer(
    session: Connection, workload_database: str
) -> None:
    """Else a right that is taken from a table refuses writes of others, and only that table's own statements are named."""
    session.execute(_AUDIT.format(how="", first="").encode())
    session.execute(f"grant insert on public.trail to {_ROLE}")

    assert not [each for each in _found(session, workload_database, "select 1").values() if each.counts]
    found = _found(session, workload_database, f"revoke insert on public.trail from {_ROLE}")
    assert {text for text, each in found.items() if each.effect is Effect.FORBIDDEN} == {_LINE, _MOVE}


def test_a_rule_that_does_nothing_in_the_place_of_a_statement_breaks_it(
    session: Connection, workload_database: str
) -> None:
    """Else the application's rows vanish without an error; and the proof itself must not fall over a plan without a node."""
    found = _found(session, workload_database, "create rule none as on insert to public.lines do instead nothing")

    assert {text for text, each in found.items() if each.effect is Effect.BROKEN} == {_LINE}


def _found(session: Connection, database: str, migration: str) -> dict[str, WorkloadFinding]:
    """By the statement's text what the migration does to it."""
    target = Target("workload", database)
    workload = Workload(statements=tuple(recorded(text, _ROLE) for text in _ALL))
    before, facts = ask_before(target, workload, logging.getLogger(__name__)), read_facts(session)
    assert not [each.answer.refusal for each in before.asked.values() if each.answer.refusal]
    session.execute(migration.encode())
    found = compare_answers(before, ask_again(target, before), (facts, read_facts(session)))
    return {each.subject: each for each in found}
