"""Why a user may or may not touch a row: the guide's `RLS policies blocking legitimate access`."""

from __future__ import annotations

import pytest

from pg_deploy.access.explain import explain_access, main
from pg_deploy.errors import NothingToExplainError
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


def test_what_is_not_there_is_said(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback for a mistyped key sends the reader to the source code."""
    with connect(pair.url) as target, pytest.raises(NothingToExplainError, match='row "nope"'):
        explain_access(target, user=None, table="public.conversations", row="nope")
    monkeypatch.setenv("TARGET_URL", pair.url)
    assert main(["--table", "public.nothing", "--row", "1"]) == 2
    assert 'table "public.nothing" was not found' in capsys.readouterr().err
