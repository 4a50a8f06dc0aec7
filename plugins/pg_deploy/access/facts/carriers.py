"""Carriers: functions that only pass on what policies decide, because nothing else differs that they rest on.

A carrier that runs with the caller's rights answers what the tables give the caller: what the engines find for the tables
holds for the function. A carrier that runs with the rights of an owner whom no policy holds back answers as before.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pg_deploy.access.facts.functions import is_definer, without_comments
from pg_deploy.access.facts.rights import bypasses
from pg_deploy.catalog.dependencies import Closure, Node, text_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES
from pg_deploy.catalog.reader import Fact
from pg_deploy.catalog.switches import is_on

_SETTING = re.compile(
    r"^ SET (?!search_path |jit |work_mem |statement_timeout |lock_timeout |enable_\w+ )", re.MULTILINE
)
_OTHERWISE = re.compile(
    # from here on somebody else asks, or the claims are others than the engines knew
    r"\bset_config\b|\b(?:re)?set\s+(?:local|session|role)\b|(?:\$\w*\$|;|>>|\b(?:begin|then|else|loop)\b)\s*(?:re)?set\s"
    # the policies themselves are read
    r"|\bpg_(?:policy|policies|class|get_expr|depend)\b|\binformation_schema\b"
    # no text shows what is read
    r"|\bexecute\s+(?!on\b|function\b|procedure\b)|\bdblink|\bquery_to_xml|\btable_to_xml|\bschema_to_xml|\bcursor_to_xml",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"\bLANGUAGE (?!sql\b|plpgsql\b|c\b|internal\b)\w", re.IGNORECASE)


def find_carried_tables(
    closure: Closure, root: Node, touched: Collection[Node], dynamic: bool
) -> frozenset[str] | None:
    """The tables because of which a function may answer otherwise than before; None if it has to be called to know.

    `touched` holds what differs, and the tables whose rows differ. With `dynamic`, a statement that a function composes when
    it runs may read any of these.
    """
    facts = closure.facts
    below = closure.of(root, policies=False)
    bodies = [fact for node in below if node[0] in ROUTINES and (fact := facts.by_key.get(node)) is not None]
    if root not in facts.by_key or not below.isdisjoint(touched) or not below.isdisjoint(closure.dynamic):
        return None
    if any(_is_no_carrier(body) for body in bodies):
        return None
    views = [fact for node in below if node[0] in RELATIONS[1:] and (fact := facts.by_key.get(node)) is not None]
    lent = [body for body in bodies if is_definer(body)]
    lent += [view for view in views if not is_on(view.properties.get("options", []), "security_invoker")]
    if not all(bypasses(str(each.properties.get("owner", "")).strip('"'), facts) for each in lent):
        return None
    if is_definer(facts.by_key[root]):
        return frozenset()
    decisive = set(touched) | (set(closure.dynamic) if dynamic else set())
    return frozenset(node[1] for node in below if node[0] == "table" and not closure.of(node).isdisjoint(decisive))


def _is_no_carrier(body: Fact) -> bool:
    """Whether a function changes who asks, reads the policies themselves, or reads what no text shows."""
    head, _, text = text_of(body).partition("\nAS ")
    return bool(_SETTING.search(head) or _LANGUAGE.search(head) or _OTHERWISE.search(without_comments(text or head)))
