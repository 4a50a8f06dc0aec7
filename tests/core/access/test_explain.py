"""Why a user may or may not touch a row: the guide's `RLS policies blocking legitimate access`."""

from __future__ import annotations

import pytest

from pg_deploy.access.errors import NothingToExplainError
from pg_deploy.access.explain import explain_access, main
from tests.core.access.conftest import Pair, connect

ROW = """
select c.id::text, m.user_id::text
from public.conversations c
join public.domains d on d.id = c.domain_id
join public.organization_members m on m.organization_id = d.organization_id
where m.status = %s
order by c.id, m.user_id
limit 1
"""


def test_a_suspended_member_is_told_why(pair: Pair) -> None:
    """Support asks `why can she not see it`, and the answer is a membership that nobody thought of."""
    with connect(pair.url) as target:
        row, user = target.execute(ROW, ["suspended"]).fetchone() or ("", "")
        explanation = explain_access(target, user=user, table="public.conversations", row=row)
        assert explanation.outcomes["select"] == "no"
        assert '"conversations_select" says no' in explanation.text
        assert '"status": "suspended"' in explanation.text
        assert "who exists" in explanation.text


def test_an_active_member_may(pair: Pair) -> None:
    """The same words must say yes where it is yes, or nobody believes the no."""
    with connect(pair.url) as target:
        row, user = target.execute(ROW, ["active"]).fetchone() or ("", "")
        explanation = explain_access(target, user=user, table="public.conversations", row=row)
        assert set(explanation.outcomes.values()) == {"yes"}
        other = explain_access(target, user=user, table="public.conversations", new_row={"session_id": "x"})
        assert other.outcomes == {"insert": "no"}
        anon = explain_access(target, user=None, role="anon", table="public.conversations", row=row)
        assert set(anon.outcomes.values()) == {"no"}


OTHERWISE = {
    "a trigger": (
        "create function public.g() returns trigger language plpgsql as 'begin return null; end';"
        " create trigger guard before update on public.notes for each row execute function public.g()",
        'trigger "guard" fires before update: public.g() may refuse a write',
    ),
    "a trigger that is disabled": (
        "create function public.g() returns trigger language plpgsql as 'begin return null; end';"
        " create trigger guard before update on public.notes for each row execute function public.g();"
        " alter table public.notes disable trigger guard",
        'trigger "guard" is disabled',
    ),
    "a rule": (
        "create rule kept as on delete to public.notes do instead nothing",
        'rule "kept" rewrites what is asked',
    ),
    "a foreign key's action": (
        "create table public.books (id int primary key); alter table public.notes add book int references public.books on delete cascade",
        'a row of "public.books" that is deleted is done to the rows of "public.notes"',
    ),
    "a view with its owner's rights": (
        "create view public.all_notes as select * from public.notes; grant select on public.all_notes to authenticated",
        'authenticated may read view "public.all_notes", which reaches it with the rights of',
    ),
    "a function with its owner's rights": (
        "create function public.count_notes() returns bigint language sql security definer as 'select count(*) from public.notes';"
        " grant execute on function public.count_notes() to authenticated",
        'authenticated may call function "public.count_notes()"',
    ),
    "a publication of all tables": (
        "create publication everything for all tables",
        'publication "everything" sends its rows to every subscriber',
    ),
    "a publication of a schema": (
        "create publication of_schema for tables in schema public",
        'publication "of_schema" sends its rows to every subscriber',
    ),
    "a publication": (
        "create publication sent for table public.notes",
        'publication "sent" sends its rows to every subscriber',
    ),
    "a setting": (
        "do $$ begin execute format('alter database %I set app.open = %L', current_database(), 'yes'); end $$",
        "sessions of authenticated begin with app.open = yes",
    ),
    "a constraint": (
        "alter table public.notes add constraint short check (length(body) < 9)",
        'constraint "short" refuses rows',
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_decides_besides_policies_is_told(pair: Pair, name: str) -> None:
    """Policies say yes, and the write is refused, or a row is read by another door: the page that explains has to know why."""
    change, told = OTHERWISE[name]
    pair.plant(
        "create table public.notes (id int primary key, body text); insert into public.notes values (1, 'n')", change
    )
    explanation = explain_access(pair.new, user=None, table="public.notes", row="1")
    assert told in explanation.text, explanation.text


def test_a_view_is_explained_by_its_options(pair: Pair) -> None:
    """That row level security of a view is off says nothing: whose rights it reads with does."""
    pair.plant(
        "create table public.notes (id int primary key); create view public.v with (security_invoker = on) as select * from public.notes"
    )
    explanation = explain_access(pair.new, user=None, table="public.v")
    assert 'view "public.v" reads with the rights of whoever asks' in explanation.text
    assert 'it rests on "public.notes"' in explanation.text
    assert "row level security" not in explanation.text


def test_what_is_not_there_is_said(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback for a mistyped key sends the reader to the source code."""
    with connect(pair.url) as target, pytest.raises(NothingToExplainError, match='row "nope"'):
        explain_access(target, user=None, table="public.conversations", row="nope")
    monkeypatch.setenv("TARGET_URL", pair.url)
    assert main(["--table", "public.nothing", "--row", "1"]) == 2
    assert 'table "public.nothing" was not found' in capsys.readouterr().err
