"""What a trigger's function does, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Collection

from pg_deploy.access.facts.functions import is_definer, without_comments
from pg_deploy.catalog.dependencies import text_of
from pg_deploy.catalog.reader import Fact

_RETURNS = re.compile(r"^\s*RETURNS\s+(\S+)", re.MULTILINE)
_ACTS = re.compile(
    r"(?<![.\w])(raise|assert|insert|update|delete|merge|truncate|perform|execute|call|select|into|fetch|open|get|alter|alias|create|drop"
    r"|grant|revoke|copy|lock|notify|return(?!\s+new\s*;))\b",
    re.IGNORECASE,
)
_CALLED = re.compile(r"([\w.]+)\s*\(")
# These only make a value of their arguments, or of the session; words of the language may stand before a bracket too.
_MAKES_A_VALUE = re.compile(
    r"""(pg_catalog\.)?(
        and|or|not|if|elsif|when|then|else|in|any|all|values
        |now|(clock|statement|transaction|current)_timestamp|timezone|to_timestamp|to_char|date_trunc|date_part|extract
        |coalesce|nullif|greatest|least|round|floor|ceil|abs
        |lower|upper|initcap|trim|[blr]trim|left|right|substr|substring|replace|regexp_replace|translate|concat|concat_ws
        |length|char_length|md5|encode|digest|to_tsvector|setweight
        |jsonb?_build_(object|array)|to_jsonb?|jsonb_set|jsonb_strip_nulls|array_append|array_remove|cardinality
        |numeric|varchar|char|timestamp|timestamptz
    )|(extensions\.|public\.)?(gen_random_uuid|uuid_generate_v4)|(auth\.(uid|role|jwt|email)|(pg_catalog\.)?current_setting)""",
    re.IGNORECASE | re.VERBOSE,
)
_ASSIGNED = re.compile(r"(\w+)(?:\.(\w+))?(?:\[[^]]*\])?\s*:?=(?!=|>)", re.IGNORECASE)


def returns_trigger(fact: Fact) -> bool:
    """Whether a function is a trigger's: its result type says so."""
    found = _RETURNS.search(text_of(fact).split("\nAS ", 1)[0])
    return found is not None and found[1] in ("trigger", "event_trigger")


def is_bystander(fact: Fact, read: Collection[str]) -> bool:
    """Whether a trigger's function only fills columns of the new row that are not among `read`: it refuses and writes nothing."""
    if not returns_trigger(fact):
        return False
    body = text_of(fact).partition("\nAS ")[2]
    body = re.sub(r"'(?:[^']|'')*'", " ", without_comments(body))
    # Quoted names and strings with an escape are not understood here.
    if is_definer(fact) or '"' in body or "\\" in body or _ACTS.search(body):
        return False
    if not all(map(_MAKES_A_VALUE.fullmatch, _CALLED.findall(body))):
        return False
    assigned = [(column or name).lower() for name, column in _ASSIGNED.findall(body)]
    return all(name != "new" and name not in read for name in assigned)
