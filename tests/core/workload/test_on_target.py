"""The target is asked after the migration what the copy was asked, and runs nothing of the application for it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator

import pytest

from pg_deploy.ledger.kinds.workload import Effect, RecordedStatement, Workload, WorkloadOutcome, WorkloadProof, packed
from pg_deploy.postgres.session import Target
from pg_deploy.workload.on_target import ask_workload
from pg_deploy.workload.proof import ask_before, pack_answers
from pg_deploy.workload.record import statement_id
from tests.looking import Database

LOG = logging.getLogger(__name__)
TEXTS = ("select note from public.orders where id = $1", "insert into public.orders values ($1, $2)")


@pytest.fixture
def application(database: Database) -> Iterator[str]:
    """A role that may read and write one table."""
    role = f"app_{secrets.token_hex(3)}"
    database.run(
        f"create table public.orders (id integer, note text); create role {role}; grant all on public.orders to {role}"
    )
    yield role
    database.run(f"drop owned by {role}; drop role {role}")


def _workload(role: str, *texts: str) -> Workload:
    return Workload(statements=tuple(RecordedStatement(statement_id(role, text), text, role, 5.0) for text in texts))


def _on_copy(target: Target, workload: Workload) -> WorkloadProof:
    """What a copy that is like the target says."""
    answers = pack_answers(ask_before(target, workload, LOG))
    return WorkloadProof("one", WorkloadOutcome.AS_BEFORE, answers=answers)


def test_a_target_that_answers_as_the_copy_did_is_as_before(database: Database, application: str) -> None:
    """Statements that the role may not run are prepared all the same, on both."""
    target = Target("target", database.url)
    workload = _workload(application, *TEXTS, "select 1 from auth.users where id = $1")

    found = ask_workload(target, workload, _on_copy(target, workload))

    assert (found.outcome, found.findings, found.asked) == (WorkloadOutcome.AS_BEFORE, (), 3)


def test_what_the_copy_took_and_the_target_refuses_is_broken(database: Database, application: str) -> None:
    """Somebody may have changed the target between the rehearsal and now."""
    target = Target("target", database.url)
    workload = _workload(application, *TEXTS)
    on_copy = _on_copy(target, workload)
    database.run("alter table public.orders rename column note to remark")

    found = ask_workload(target, workload, on_copy)

    assert [(each.effect, each.token) for each in found.findings] == [(Effect.BROKEN, "note")]


def test_a_statement_that_is_no_longer_recorded_is_passed_over(database: Database, application: str) -> None:
    """Else its role is said to be closed to this session, and none of its other statements are asked."""
    target = Target("target", database.url)
    on_copy = _on_copy(target, _workload(application, *TEXTS))

    found = ask_workload(target, _workload(application, TEXTS[1]), on_copy)

    assert (found.asked, found.notes) == (1, ())


def test_no_function_of_the_application_runs_with_the_rights_of_this_session(
    database: Database, application: str
) -> None:
    """The planner runs stable functions to estimate a condition: such a one could set the role back to ours."""
    database.run(
        "create sequence public.stolen;"
        "create function public.evil() returns integer stable language plpgsql as $$ begin"
        " perform set_config('role', 'none', false); perform nextval('public.stolen'); return 1; end $$"
    )
    workload = _workload(application, "select note from public.orders where id = public.evil()")
    answers = packed([[each.id, each.role, "another", 0, [], None] for each in workload.statements])

    found = ask_workload(
        Target("target", database.url), workload, WorkloadProof("one", WorkloadOutcome.AS_BEFORE, answers=answers)
    )

    assert found.asked == 1
    assert database.value("select is_called from public.stolen") is False


def test_no_operator_of_the_application_stands_in_for_the_servers(database: Database, application: str) -> None:
    """A role may put a schema of its own before pg_catalog: then a bare operator of our questions would be its function."""
    database.run(
        "create sequence public.stolen; create schema evil;"
        "create function evil.same(name, name) returns boolean language plpgsql as $$ begin"
        " perform set_config('role', 'none', false); perform nextval('public.stolen'); return true; end $$;"
        "create function evil.same(oid, oid) returns boolean language plpgsql as $$ begin"
        " perform set_config('role', 'none', false); perform nextval('public.stolen'); return true; end $$;"
        "create operator evil.<> (leftarg = name, rightarg = name, function = evil.same);"
        "create operator evil.= (leftarg = oid, rightarg = oid, function = evil.same);"
        f"grant usage on schema evil to {application}; alter role {application} set search_path = evil, public, pg_catalog"
    )
    workload = _workload(application, TEXTS[0])
    answers = packed([[each.id, each.role, "another", 0, [], None] for each in workload.statements])

    found = ask_workload(
        Target("target", database.url), workload, WorkloadProof("one", WorkloadOutcome.AS_BEFORE, answers=answers)
    )

    assert found.asked == 1
    assert database.value("select is_called from public.stolen") is False
