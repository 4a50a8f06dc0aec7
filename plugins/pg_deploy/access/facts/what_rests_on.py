"""What rests on a routine, in words: for whoever is about to revoke or change it, or finds it changed."""

from __future__ import annotations

from pg_deploy.access.facts.access_change import join_with_and
from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.kinds import CALLED_ON, ROUTINES, VIEWS
from pg_deploy.catalog.reader import Facts

_ASKED = (*CALLED_ON, *VIEWS)
_SHOWN = 3


def what_rests_on(name: str, facts: Facts) -> str:
    """The policies, triggers, rules and views that rest on a routine: "policy public.t.own and 2 more".

    Empty if nothing does, or if the facts hold no routine of that identity. The access proof's closure finds them: in doubt
    it finds one too many.
    """
    node = next((each for kind in ROUTINES if (each := (kind, name)) in facts.by_key), None)
    if node is None:
        return ""
    closure = closure_of(facts)
    asked = (key for key in facts.by_key if key[0] in _ASKED)
    found = sorted(key for key in asked if node in closure.of(key, policies=False))
    shown = [f"{kind} {identity}" for kind, identity in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"{len(found) - _SHOWN} more")
    return join_with_and(shown) if shown else ""
