"""Stand-ins answer for the table that they stand for, whatever its keys, policies, grants and readers."""

from __future__ import annotations

import pytest

from pg_deploy.access.engines import stand_ins
from pg_deploy.access.engines.compared_sides import drop_scratch, open_side
from pg_deploy.access.engines.engine_by_impersonation import Cell, RealEngine
from pg_deploy.access.engines.measure import build
from pg_deploy.access.engines.universe import plan_universes
from pg_deploy.access.facts.api import SUPABASE
from pg_deploy.access.predicates.subjects import read_subjects
from tests.core.access.conftest import Pair
from tests.long import only_quick

SELECT = Cell("public.messages", "select", "authenticated")
MEMBER = "(select om.organization_id from public.organization_members om where om.user_id = auth.uid() and om.status = 'active')"
MINE = f"select d.id from public.domains d where d.organization_id in {MEMBER}"
IN = f"conversation_id in (select c.id from public.conversations c where c.domain_id in ({MINE}))"


def policy(using: str) -> str:
    return f"alter policy messages_select on public.messages using ({using})"


def answers(pair: Pair, *, use_stand_ins: bool) -> tuple[dict[int, object], bool]:
    """What engine R answers for the select of messages, and whether it asked a stand-in."""
    side = open_side("new", pair.new, SUPABASE)
    try:
        subjects = read_subjects([pair.new], SUPABASE)
        built, _, _ = build(side, subjects, plan_universes(side, side)[0])
        engine = RealEngine(side, SUPABASE, built, use_stand_ins=use_stand_ins)
        engine.compile(set())
        found, asked = engine.run(subjects)
        assert len(asked) == len(subjects)
        return dict(found[SELECT]), engine.cells[SELECT].digest is not None
    finally:
        drop_scratch(side)


@pytest.fixture(autouse=True)
def small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small demo database has few tuples: here a stand-in is worth it from the first."""
    monkeypatch.setattr(stand_ins, "SMALLEST", 1)
    monkeypatch.setattr(stand_ins, "GAIN", 1)


USED = {
    "a membership": (policy(IN),),
    "an existence": (
        policy(
            f"exists (select 1 from public.conversations c where c.id = conversation_id and c.domain_id in ({MINE}))"
        ),
    ),
    "an existence over joins": (
        policy(
            "exists (select from public.conversations c join public.domains d on d.id = c.domain_id, public.organization_members om"
            " where messages.conversation_id = c.id and om.organization_id = d.organization_id and om.user_id = auth.uid()"
            " and (om.status = 'active' or c.domain_id is null))"
        ),
    ),
    "a condition beside it": (policy(f"({IN}) and auth.uid() is not null and exists (select from public.domains c)"),),
    "an inner table of the same name": (
        policy(
            "conversation_id in (select c.id from public.conversations c where c.domain_id in (select c.id from public.domains c"
            f" where c.organization_id in {MEMBER}))"
        ),
    ),
    "no column read at all": (policy("conversation_id in (select c.id from public.conversations c)"),),
    "policies of the table looked up": (
        policy("conversation_id in (select c.id from public.conversations c)"),
        f"create policy fewer on public.conversations as restrictive for select to authenticated using (domain_id in ({MINE}"
        " and d.domain like '%1%'))",
        "create policy other on public.conversations for select to anon using (true)",
        "create policy writes on public.conversations for update to authenticated using (true)",
    ),
    "no right to read the table": (policy(IN), "revoke select on public.conversations from authenticated"),
    "a right to one of its columns": (
        policy(IN),
        "revoke select on public.conversations from authenticated; grant select (id) on public.conversations to authenticated",
    ),
    "policies that read each other": (
        policy(IN),
        "create policy round on public.conversations as restrictive for select to authenticated"
        " using (exists (select from public.conversations o where o.domain_id = conversations.domain_id))",
    ),
    "a helper that runs as its owner": (
        "create function public.may_see(wanted uuid) returns boolean language sql stable security definer set search_path = ''"
        f" as $$select exists (select from public.conversations c where c.id = wanted and c.domain_id in ({MINE}))$$",
        policy("public.may_see(conversation_id)"),
    ),
    "an owner to whom the policies apply": (
        "create function public.may_see(wanted uuid) returns boolean language sql stable security definer set search_path = ''"
        " as $$select exists (select from public.conversations c where c.id = wanted)$$",
        policy("public.may_see(conversation_id)"),
        "alter function public.may_see(uuid) owner to postgres",
        "alter table public.conversations force row level security; alter role postgres nobypassrls",
        f"create policy owners on public.conversations for select to postgres using (domain_id in ({MINE}))",
    ),
}
NOT_USED = {
    "a key that is not unique": policy(
        "conversation_id in (select o.conversation_id from public.messages o where o.role = 'user')"
    ),
    "a condition on the key": policy(
        "conversation_id in (select c.id from public.conversations c where c.id < gen_random_uuid())"
    ),
    "a condition that names the row": policy(
        "exists (select from public.conversations c where c.id = conversation_id"
        " and (messages.conversation_id is null or c.domain_id is null))"
    ),
    "a negation": policy(f"not ({IN})"),
    "alternatives": policy(f"({IN}) or conversation_id is null"),
    "a limit": policy("conversation_id in (select c.id from public.conversations c order by c.id limit 3)"),
    "a whole row": policy("conversation_id in (select c.id from public.conversations c where c is not null)"),
    "an outer join": policy(
        "exists (select from public.conversations c left join public.domains d on d.id = c.domain_id where c.id = conversation_id)"
    ),
    "a value that equals another and is not it": policy(
        "conversation_id in (select c.id from public.conversations c where c.metadata ? 'language')"
    ),
}

QUICK = (
    "a membership",
    "no right to read the table",
)
"""Those that `make test` runs; the others are run by `make acceptance`."""


@pytest.mark.parametrize("name", only_quick(USED, QUICK))
def test_a_stand_in_answers_as_its_table_does(pair: Pair, name: str) -> None:
    """Anything else would prove a leak unchanged, or raise an alarm over nothing."""
    try:
        pair.plant(*USED[name])
        told, used = answers(pair, use_stand_ins=True)
        expected, unused = answers(pair, use_stand_ins=False)
    finally:
        # A role is the whole server's, and the next test's too.
        pair.plant("alter role postgres bypassrls")
    assert (used, unused) == (True, False)
    assert told == expected
    assert len(set(expected.values())) > 1 or name.startswith(("no right", "a right to one", "policies that read"))


@pytest.mark.acceptance
def test_what_a_stand_in_cannot_answer_is_asked_of_the_table(pair: Pair) -> None:
    """One row that speaks for many would answer wrongly where they can be told apart."""
    for name, change in NOT_USED.items():
        pair.plant(change)
        told, used = answers(pair, use_stand_ins=True)
        assert told
        assert not used, name


def test_equal_and_yet_different_values_have_no_stand_in(pair: Pair) -> None:
    """One row for both spellings of a name would let a policy for one of them open the other."""
    pair.plant(
        "create collation public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "alter table public.conversations add column tag text collate public.any_case, add column size numeric",
        "update public.conversations set tag = case when id::text < '8' then 'a' else 'A' end",
    )
    for column in ("tag collate \"C\" = 'a'", "size::text = '1.0'"):
        pair.plant(policy(f"conversation_id in (select c.id from public.conversations c where c.{column})"))
        assert not answers(pair, use_stand_ins=True)[1]
