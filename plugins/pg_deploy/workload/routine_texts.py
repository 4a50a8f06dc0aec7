"""The statements in the body of a routine, read from its definition, and the search_path that they have."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.parsing.tree import quoted
from pg_deploy.workload.plpgsql_reading import program_of
from pg_deploy.workload.plpgsql_text import UnreadableBodyError
from pg_deploy.workload.rows_written import rows_written
from pg_deploy.workload.writable_views import Table

_OWN_PATH = re.compile(r"^ SET search_path TO (.+)$", re.MULTILINE)
_BRANCHES = re.compile(r"\b(if|case|loop|exception|return)\b", re.IGNORECASE)


def statements_of(definition: str) -> list[str]:
    """Those of a body in PL/pgSQL or SQL; of another language, or where it cannot be read, none."""
    source, language = _body(definition)
    if language == "sql":
        return [source]
    if language != "plpgsql":
        return []
    try:
        return [each.text for each in program_of(source, returns_rows=False).checks]
    except (ParseError, UnreadableBodyError):
        return []


def always_runs(definition: str, text: str) -> bool:
    """Whether each call of the routine comes to the statement: nothing before it branches, ends, or catches what it raises."""
    source, _ = _body(definition)
    before, found, after = source.partition(text.strip())
    return bool(found) and not _BRANCHES.search(before) and not re.search(r"\bexception\b", after, re.IGNORECASE)


def path_of(definition: str, text: str, tables: Iterable[Table]) -> str:
    """The routine's own search_path; without one, the schemas of the tables that alone have the names in the text."""
    own = _OWN_PATH.search(definition)
    if own is not None:
        return own.group(1).replace("'", "")
    names = {str(each.relation.relname) for each in rows_written(text)}
    places = [place for place in tables if place[1] in names]
    alone = [schema for schema, name in places if sum(other[1] == name for other in places) == 1]
    return ", ".join(quoted(schema) for schema in alone)


def _body(definition: str) -> tuple[str, str]:
    try:
        (created,) = parse_sql(definition)
    except (ParseError, TooDeepError, ValueError):
        return "", ""
    options = {str(each.defname): each.arg for each in getattr(created.stmt, "options", None) or ()}
    source = getattr((options.get("as") or ("",))[0], "sval", "")
    return str(source), str(getattr(options.get("language"), "sval", ""))
