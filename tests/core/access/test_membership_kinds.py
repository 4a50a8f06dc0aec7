"""What a membership lets its member do, from the facts of old and of new servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone

from pg_deploy.access.facts.differences import access_changes
from pg_deploy.access.facts.rights import Membership, membership_kinds, memberships
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts


def facts(*found: tuple[str, str, Mapping[str, object]]) -> Facts:
    """Facts of the cluster, from kind, identity and properties."""
    return Facts(
        frozenset(
            Fact(kind, parsed(kind, identity), json.dumps(properties), "cluster")
            for kind, identity, properties in found
        ),
        160000,
        datetime.now(timezone.utc),
    )


READER: tuple[str, str, dict[str, object]] = ("role", "reader", {})
ANN = ("role", "ann", {"inherit": True})


def member(options: str, who: str = "ann in reader") -> tuple[str, str, dict[str, object]]:
    """One membership, granted by one role."""
    return ("membership", who, {"by postgres": options})


def test_a_membership_has_three_parts_and_before_16_the_member_says_one_of_them() -> None:
    """Else a membership that can do nothing counts as one that can do all, or the other way round."""
    new = membership_kinds(facts(READER, ANN, member("admin, no inherit, no set")))
    assert new == {("ann", "reader"): Membership(inherit=False, set=False, admin=True)}
    assert memberships(facts(READER, ANN, member("admin, no inherit, no set"))) == {}
    old = membership_kinds(facts(READER, ("role", "ann", {}), member("no admin")))
    assert old == {("ann", "reader"): Membership(inherit=False, set=True, admin=False)}
    several = (
        "membership",
        "ann in reader",
        {"by a": "admin, no inherit, no set", "by b": "no admin, inherit, no set"},
    )
    assert membership_kinds(facts(several))["ann", "reader"] == Membership(inherit=True, set=False, admin=True)


def said(before: Facts, after: Facts) -> list[str]:
    """What changed, in sentences."""
    return [change.sentence for change in access_changes(before, after)]


def test_whoever_makes_a_role_may_hand_it_on_and_that_is_no_access() -> None:
    """Else `create role` needs a declaration that nobody got anything."""
    assert said(facts(ANN), facts(ANN, READER, member("admin, no inherit, no set"))) == []


def test_what_a_membership_gains_or_loses_is_said_part_by_part() -> None:
    """Else the one part that opens a way passes as another's."""
    none = facts(READER, ANN)
    only_admin = facts(READER, ANN, member("admin, no inherit, no set"))
    only_set = facts(READER, ANN, member("no admin, no inherit, set"))
    both = facts(READER, ANN, member("no admin, inherit, set"))
    assert said(none, only_admin) == ['role "ann" can now make itself and others a member of "reader"']
    assert said(none, only_set) == ['role "ann" is now a member of "reader" and can do all that "reader" can']
    assert said(only_set, both) == ['role "ann" now has the rights of "reader"']
    assert said(both, only_set) == ['role "ann" no longer has the rights of "reader"']
    assert said(only_admin, none) == ['role "ann" can no longer make others a member of "reader"']
    assert said(only_admin, facts(ANN)) == ['role "reader" is gone']
