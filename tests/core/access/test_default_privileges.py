"""The proof's own helpers have the rights that they need, whatever a database's default privileges give and take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pg_deploy.access.engines import stand_ins
from tests.core.access.conftest import MIGRATION, Pair, said

DEFAULTS = {
    "functions are closed": "revoke execute on functions from public",
    "types are closed": "revoke usage on types from public",
    "nothing is even the owner's": "revoke all on tables from current_user;"
    "revoke all on functions from public, current_user; revoke all on types from public, current_user;"
    "revoke all on schemas from current_user; revoke all on sequences from current_user",
    "everything is everybody's": "grant all on tables to public; grant all on functions to public;"
    "grant all on schemas to public; grant all on types to public; grant all on sequences to public",
    "the api's roles get more than everybody": "revoke execute on functions from public; grant all on tables to anon;"
    "grant execute on functions to anon; grant all on schemas to anon",
}
WIDER = "alter policy conversations_select on public.conversations using (domain_id is not null)"


@pytest.fixture
def defaults(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both sides, whose superuser's new objects have those rights."""
    every = "; ".join(f"alter default privileges {each}" for each in DEFAULTS[request.param].split(";"))
    try:
        for side in (pair.old, pair.new):
            side.execute(every.encode())
        yield pair
    finally:
        # The old side is shared by the module.
        pair.old.execute(
            "delete from pg_catalog.pg_default_acl where defaclnamespace = 0 and defaclrole ="
            " (select oid from pg_catalog.pg_roles where rolname = current_user)"
        )


@pytest.mark.acceptance
@pytest.mark.parametrize("defaults", DEFAULTS, indirect=True)
def test_what_a_database_gives_to_new_objects_hides_no_difference_and_makes_none(
    defaults: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`alter default privileges revoke execute on functions from public` is good hardening, and stopped every proof."""
    monkeypatch.setattr(stand_ins, "SMALLEST", 1)
    monkeypatch.setattr(stand_ins, "GAIN", 1)
    defaults.deploy(MIGRATION)
    alike = defaults.prove(cross_check_s=3.0)
    assert [each.sentence for each in alike.unsettled] == []
    assert [each.sentence for each in alike.disagreements] == []
    assert [each.sentence for each in alike.found] == []
    assert alike.asked == alike.subjects >= 200
    assert alike.compared

    defaults.deploy(WIDER)
    wider = defaults.prove(cross_check_s=3.0)
    assert [each.sentence for each in wider.unsettled] == []
    assert [each.sentence for each in wider.disagreements] == []
    assert "conversations" in said(wider)
    assert wider.verdict == "different"
