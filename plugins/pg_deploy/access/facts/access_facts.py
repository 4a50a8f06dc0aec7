"""Access facts: what of the catalog decides who may read and write which rows."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.access.facts.functions import called_by, is_definer, policy_texts
from pg_deploy.access.facts.rights import held_rights, reachable_roles
from pg_deploy.access.facts.triggers import returns_trigger
from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.reader import Fact, Facts

_ALWAYS = frozenset({"policy", "membership", "default grant", "rule", "publication", "publication schema"})
_GRANTED_ON = (*RELATIONS, "column", "function", "procedure", "schema", "sequence")
_ACCESS_PROPERTIES = {
    "table": ("owner", "row level security", "force row level security", "inherits"),
    "foreign table": ("owner", "inherits", "server"),
    "view": ("owner", "options", "definition"),
    "materialized view": ("owner", "definition"),
    "role": ("superuser", "inherit", "create role", "login", "replication", "bypass row level security"),
    "schema": ("owner",),
}
_HARMLESS_SETTINGS = re.compile(
    r"(?:statement_timeout|lock_timeout|idle_\w+|transaction_timeout|deadlock_timeout|work_mem|maintenance_work_mem|temp_\w+"
    r"|log_\w+|auto_explain\.\w+|pg_stat_statements\.\w+|track_\w+|jit\w*|max_parallel\w*|parallel_\w+|random_page_cost"
    r"|seq_page_cost|cpu_\w+|effective_\w+|enable_\w+|default_statistics_target|client_min_messages|application_name"
    r"|synchronous_commit|tcp_\w+|commit_delay|commit_siblings|geqo\w*|gin_\w+|hash_mem_multiplier|plan_cache_mode)"
)
"""Settings that decide how long and how a statement runs, never what it may see."""


@dataclass(frozen=True)
class AccessFacts:
    """What decides access, as comparable `(kind, identity, definition)` texts; a table's columns are no part of it."""

    rows: frozenset[tuple[str, str, str]]

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 over all rows, in hexadecimal: equal means that nothing that decides access differs."""
        return hashlib.sha256("\n".join("\0".join(row) for row in sorted(self.rows)).encode()).hexdigest()


@lru_cache(maxsize=4)
def access_facts(facts: Facts, api: Api = SUPABASE) -> AccessFacts:
    """The access facts among all `facts`."""
    functions = deciding_functions(facts, api)
    return AccessFacts(frozenset(_row(fact) for fact in facts.facts if _decides(fact, functions, api)))


@lru_cache(maxsize=4)
def deciding_functions(facts: Facts, api: Api = SUPABASE) -> frozenset[Fact]:
    """Functions that policies call, through any depth, and the definer functions that API roles may execute."""
    return called_by(policy_texts(facts), facts) | definer_functions(facts, api)


@lru_cache(maxsize=4)
def definer_functions(facts: Facts, api: Api = SUPABASE) -> frozenset[Fact]:
    """SECURITY DEFINER functions that a role of the API may execute: each is a way round row level security."""
    roles = reachable_roles(facts, api.roles)
    rights = held_rights(facts)
    return frozenset(
        fact
        for fact in facts.facts
        if fact.kind in ("function", "procedure")
        and is_definer(fact)
        and not returns_trigger(fact)
        and any("EXECUTE" in rights.get(((fact.kind, fact.identity), role), frozenset()) for role in roles)
    )


def _decides(fact: Fact, functions: frozenset[Fact], api: Api) -> bool:
    if fact.kind in _ALWAYS or fact.kind in _ACCESS_PROPERTIES:
        return True
    if fact.kind == "grant":
        return fact.identity.of is not None and fact.identity.of.kind in _GRANTED_ON
    if fact.kind == "setting":
        return _HARMLESS_SETTINGS.fullmatch(fact.identity.name.lower()) is None
    return fact in functions


def _row(fact: Fact) -> tuple[str, str, str]:
    wanted = _ACCESS_PROPERTIES.get(fact.kind)
    if wanted is None:
        return fact.kind, fact.identity, fact.definition
    properties = fact.properties
    return fact.kind, fact.identity, "; ".join(f"{name}={properties[name]}" for name in wanted if name in properties)
