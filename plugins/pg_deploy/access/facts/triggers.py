"""What a trigger's function does, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Collection

from pg_deploy.access.facts.functions import is_definer
from pg_deploy.catalog.dependencies import text_of
from pg_deploy.catalog.reader import Fact

_RETURNS = re.compile(r"^\s*RETURNS\s+(\S+)", re.MULTILINE)
_ACTS = re.compile(
    r"\b(raise|insert|update|delete|merge|truncate|perform|execute|call|select|into|alter|create|drop|grant|revoke|copy|set_config"
    r"|return\s+(?:null|old))\b",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"(\w+)(?:\.(\w+))?(?:\[[^]]*\])?\s*:?=(?!=|>)", re.IGNORECASE)


def returns_trigger(fact: Fact) -> bool:
    """Whether a function is a trigger's: its result type says so, and nothing else does."""
    found = _RETURNS.search(text_of(fact).split("\nAS ", 1)[0])
    return found is not None and found[1] in ("trigger", "event_trigger")


def is_bystander(fact: Fact, read: Collection[str]) -> bool:
    """Whether a trigger's function only fills columns of the new row that nothing of `read` names: it refuses and moves nothing."""
    if not returns_trigger(fact):
        return False
    body = text_of(fact).partition("\nAS ")[2]
    body = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", " ", body, flags=re.DOTALL)
    if is_definer(fact) or _ACTS.search(re.sub(r"\bif\b", " ", body)) or not re.search(r"\breturn\s+new\b", body, re.I):
        return False
    assigned = [column or name for name, column in _ASSIGNED.findall(body)]
    return all(name.lower() not in read for name in assigned)
