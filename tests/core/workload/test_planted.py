"""Planted breaks: migrations made from what the recorded statements name; the database says what each breaks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

import pytest

from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.ledger.kinds.workload import GATING, Effect, WorkloadFinding
from pg_deploy.workload.observation import Observation, compare_observations, observe, run_on_both
from pg_deploy.workload.proof import ask_again, ask_before
from tests.core.workload.breaking_migrations import KINDS, Break
from tests.core.workload.oracle import Verdict
from tests.core.workload.planted import Harm, Shop, function_of, shop
from tests.core.workload.sent_statements import STATEMENTS
from tests.long import only_quick

LOG = logging.getLogger(__name__)
FAILS = {*GATING, Effect.SHAPE_CHANGED}
_EFFECTS = {
    "42501": {Effect.FORBIDDEN},
    "23502": {Effect.INSERT_REFUSED},
    "428C9": {Effect.INSERT_REFUSED, Effect.BROKEN},
    "22P02": {Effect.INSERT_REFUSED},
}


@pytest.fixture(scope="module")
def planted() -> Iterator[Shop]:
    """The shop."""
    with shop() as made:
        yield made


def _findings(planted: Shop, before: tuple[Observation, Facts]) -> tuple[WorkloadFinding, ...]:
    """All that the proof says of the migration that was applied, as a rehearsal says it."""
    seen, facts = before
    after = observe(planted.target, ask_again(planted.target, seen.side))
    with planted.connect() as admin:
        both = facts, read_facts(admin)
    # Beside other tests each run takes longer: none is to be left out for that.
    targets = planted.target_before, planted.target
    run = run_on_both(targets, (seen, after), both, LOG, tried_s=200, measured_s=250)
    found = compare_observations(seen, after, both, run)
    return tuple(each for each in found if each.effect is not Effect.AS_BEFORE)


@pytest.fixture(scope="module")
def before(planted: Shop) -> tuple[Observation, Facts]:
    """What the server answers before any migration, and what its catalog holds."""
    planted.renew()
    with planted.connect() as admin:
        facts = read_facts(admin)
    return observe(planted.target, ask_before(planted.target, planted.workload, LOG)), facts


QUICK = (
    "column dropped",
    "function's body does not compile",
    "execute revoked",
    "left out column not null",
    "search_path changed",
)
"""Those that `make test` runs; `make acceptance` runs the others."""


@pytest.mark.server
@pytest.mark.parametrize("kind", only_quick(KINDS, QUICK))
@pytest.mark.parametrize("most", [1, pytest.param(None, marks=pytest.mark.acceptance)], ids=["one", "all"])
def test_what_the_database_refuses_after_a_migration_is_named_and_nothing_else_is(
    planted: Shop, before: tuple[Observation, Facts], kind: str, most: int | None
) -> None:
    """Else the application fails in production after a rehearsal that was green, or nobody believes a red one."""
    migrations = [each for each in planted.breaks if each.kind == kind][:most]
    complaints = []
    for migration in migrations:
        planted.plant(migration)
        findings = _findings(planted, before)
        complaints += [f"{migration}: {each}" for each in _wrong(planted, planted.harm(migration), findings)]

    assert migrations
    assert not complaints, "\n".join(complaints)


@pytest.mark.server
@pytest.mark.acceptance
def test_the_planted_migrations_break_something_and_are_of_many_kinds(planted: Shop) -> None:
    """Else the test above holds because nothing is planted."""

    def breaking() -> Iterator[Break]:
        for migration in planted.breaks:
            if migration not in planted.harms:
                planted.plant(migration)
            if planted.harm(migration).is_some:
                yield migration

    found = list(islice(breaking(), 60))

    assert len(found) >= 40
    assert len({each.kind for each in found}) >= 12


_NEW_TRIGGER = "create function shop.is_new() returns trigger language plpgsql as $f$ begin {body} end $f$; {trigger}"
_BY_ROW = "create trigger new {event} on shop.{table} for each row execute function shop.is_new();"
_SEEN_WHEN_IT_RUNS = {
    "a trigger that returns nothing": (
        _NEW_TRIGGER.format(body="null;", trigger=_BY_ROW.format(event="before insert", table="sessions")),
        'INSERT INTO "sessions"',
    ),
    "a trigger that fires itself without end, where no row is in the way": (
        _NEW_TRIGGER.format(
            body="insert into shop.settings (key) values (new.key || '1'); return new;",
            trigger=_BY_ROW.format(event="after insert", table="settings"),
        ),
        "insert into settings (key, value) values",
    ),
    "a trigger at the end of the transaction": (
        _NEW_TRIGGER.format(
            body="perform nope from shop.settings; return null;",
            trigger="create constraint trigger new after insert on shop.sessions deferrable initially deferred"
            " for each row execute function shop.is_new();",
        ),
        'INSERT INTO "sessions"',
    ),
    "rows that come as JSON": (
        "create function shop.bad() returns text language plpgsql as"
        " 'begin return (select nope from shop.settings limit 1); end';"
        " alter table shop.settings alter changed_by set default shop.bad();",
        "json_to_recordset",
    ),
    "a materialized view without data": (
        "drop materialized view shop.best_sellers; create materialized view shop.best_sellers as"
        " select product_id, sum(quantity) as sold from shop.order_lines group by product_id with no data;"
        " grant select on shop.best_sellers to shop_app",
        "from best_sellers",
    ),
    "a sequence that is used up": (
        "alter sequence shop.products_id_seq maxvalue 41 restart 41; select nextval('shop.products_id_seq')",
        "insert into products",
    ),
    "a rule that does nothing instead": (
        "create rule nothing as on delete to shop.sessions do instead nothing",
        'DELETE FROM "sessions"',
    ),
}


@pytest.mark.server
@pytest.mark.parametrize("kind", _SEEN_WHEN_IT_RUNS)
def test_what_only_a_run_can_tell_is_named_for_the_statement(
    planted: Shop, before: tuple[Observation, Facts], kind: str
) -> None:
    """Nothing of it is refused when the statement is prepared; in production it would be, or would do nothing."""
    sql, part = _SEEN_WHEN_IT_RUNS[kind]
    planted.plant(Break("when it runs", kind, sql))

    found = [each for each in _findings(planted, before) if part in each.subject]

    assert [each.effect for each in found if each.effect in GATING] == [Effect.BROKEN], found


@pytest.mark.server
def test_each_statement_that_calls_what_a_migration_broke_is_named(
    planted: Shop, before: tuple[Observation, Facts]
) -> None:
    """One was tried for all that call the same: the others were as before, and failed in production."""
    planted.plant(Break("when it runs", "another right", "revoke select on shop.order_lines from shop_app"))

    found = [each.subject for each in _findings(planted, before) if each.effect is Effect.FORBIDDEN]

    assert {"select order_total($1)", "select o.id, order_total(o.id) from orders o where o.customer_id = $1"} <= {
        *found
    }


@pytest.mark.server
def test_a_job_is_named_whose_function_may_not_do_any_more_what_it_does(
    planted: Shop, before: tuple[Observation, Facts]
) -> None:
    """The job's command is one call: the server takes it, and refuses at night what the function does."""
    owner = "alter function shop.nightly() owner to shop_report; alter function shop.nightly() security definer"
    planted.plant(Break("when it runs", "another owner", owner))

    found = [each for each in _findings(planted, before) if each.effect is Effect.JOB_BROKEN]

    assert [(each.subject, each.sqlstate) for each in found] == [("cron job nightly", "42501")]


def _wrong(planted: Shop, harm: Harm, findings: tuple[WorkloadFinding, ...]) -> Iterator[str]:
    """What the findings lack or have too much, in sentences."""
    by_sent: dict[object, list[WorkloadFinding]] = {}
    for recorded in planted.workload.statements:
        by_sent[planted.sent_as(recorded)] = [each for each in findings if each.id == recorded.id]
    for sent, found in by_sent.items():
        if sent not in STATEMENTS:
            yield from (f"{each.effect} is said of a statement that nothing touches: {each.subject}" for each in found)
    for sent, verdict in harm.statements.items():
        own = by_sent[sent]
        said = {each.effect for each in own}
        if verdict.fails and verdict.certain:
            wanted = _EFFECTS.get(verdict.after.sqlstate, {Effect.BROKEN})
            if not (said & wanted or _body_is_named(verdict, findings)):
                yield f"{verdict.after.message} is not said of {sent.role}'s {sent.text}, but {said or 'nothing'}"
            if any(sent.role not in each.roles for each in own):
                yield f"the role {sent.role} is not named for {sent.text}"
        elif verdict.reshaped and Effect.SHAPE_CHANGED not in said:
            yield f"another shape is not said of {sent.text}, but {said or 'nothing'}"
        elif not verdict.fails and not verdict.reshaped and said & FAILS:
            yield f"{said} is said of {sent.text}, which still runs"
    for job, verdict in harm.jobs.items():
        named = [each for each in findings if each.effect is Effect.JOB_BROKEN and job in each.subject]
        if verdict.fails and not (named or _body_is_named(verdict, findings)):
            yield f"the job {job} is not named: {verdict.after.message}"
        if named and not verdict.fails:
            yield f"the job {job} is named, and still runs: {named[0].sentence}"


def _body_is_named(verdict: Verdict, findings: tuple[WorkloadFinding, ...]) -> bool:
    function = function_of(verdict)
    return bool(function) and any(
        each.effect is Effect.BODY_BROKEN and f"{function}(" in each.subject for each in findings
    )
