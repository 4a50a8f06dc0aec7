"""Access facts: the part of the catalog that decides who may read and write which rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.access.facts.functions import is_definer
from pg_deploy.access.facts.rights import held_rights, reachable_roles
from pg_deploy.access.facts.triggers import returns_trigger
from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.kinds import ROUTINES
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact, Facts

_HARMLESS_SETTINGS = re.compile(
    r"(?:statement_timeout|lock_timeout|idle_\w+|transaction_timeout|deadlock_timeout|work_mem|maintenance_work_mem|temp_\w+"
    r"|log_\w+|auto_explain\.\w+|pg_stat_statements\.\w+|track_\w+|jit\w*|max_parallel\w*|parallel_\w+|random_page_cost"
    r"|seq_page_cost|cpu_\w+|effective_\w+|enable_\w+|default_statistics_target|client_min_messages|application_name"
    r"|synchronous_commit|tcp_\w+|commit_delay|commit_siblings|geqo\w*|gin_\w+|hash_mem_multiplier|plan_cache_mode)"
)
"""Settings that decide how long and how a statement runs, never what it may see."""


def settings_and_owners(facts: Facts) -> Mapping[Key, str]:
    """The settings that may decide access, and the owners of schemas."""
    return {
        key: fact.definition if fact.kind == "setting" else f"owner={fact.properties['owner']}"
        for key, fact in facts.by_key.items()
        if fact.kind == "schema"
        or (fact.kind == "setting" and not _HARMLESS_SETTINGS.fullmatch(fact.identity.name.lower()))
    }


@lru_cache(maxsize=4)
def deciding_functions(facts: Facts, api: Api = SUPABASE) -> frozenset[Fact]:
    """The functions that policies rest on, through any depth, and the definer functions that API roles may execute."""
    nodes = closure_of(facts).of_all_policies
    return frozenset(facts.by_key[node] for node in nodes if node[0] in ROUTINES) | definer_functions(facts, api)


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
        and any("EXECUTE" in rights.get((fact.key, role), frozenset()) for role in roles)
    )
