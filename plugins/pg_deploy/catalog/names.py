"""Names and texts as SQL: taking the catalog's identities apart, and quoting what is put into a statement."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pglast.keywords import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

HERE = "\0"
"""Stands for the database at hand in a statement: no name holds it."""

INDEX_STORAGE = re.compile(r" WITH \(([^)]*)\)")
"""The storage parameters in an index's definition."""

_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_KEYWORDS = frozenset(RESERVED_KEYWORDS) | frozenset(COL_NAME_KEYWORDS) | frozenset(TYPE_FUNC_NAME_KEYWORDS)


@lru_cache(65_536)
def parts(identity: str) -> tuple[str, ...]:
    """The parts of a qualified name, each still quoted as it was."""
    return tuple(_PART.findall(identity))


@lru_cache(65_536)
def owner_of(identity: str) -> str:
    """The relation of a column, policy, trigger, rule or constraint."""
    return ".".join(parts(identity)[:-1])


def own_name(identity: str) -> str:
    """The last part of a qualified name, quoted as it was."""
    return parts(identity)[-1]


def schema_of(identity: str) -> str:
    """The first part of a qualified name."""
    return parts(identity.split("(", 1)[0])[0]


def identifier(name: str) -> str:
    """An unquoted name (of a role, a setting's part) as an identifier, quoted where it must be."""
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a string constant, whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def in_this_database(statement: str) -> str:
    """A statement about the database at hand, whose name differs on a copy; `HERE` stands for it, once."""
    before, after = (part.replace("%", "%%") for part in statement.split(HERE))
    body = f" begin execute pg_catalog.format({literal(f'{before}%I{after}')}, pg_catalog.current_database()); end "
    tag = "rollback"
    while f"${tag}$" in body:
        tag += "_"
    return f"do ${tag}${body}${tag}$"


def storage_options(listed: Iterable[str], prefix: str = "") -> str:
    """Storage options as the catalog keeps them (`fillfactor=70`) for SET or WITH: each value as a string constant."""
    return ", ".join(
        f"{prefix}{identifier(name)} = {literal(value)}" if equals else prefix + identifier(name)
        for name, equals, value in (option.partition("=") for option in listed)
    )


def role(name: str) -> str:
    """A grantee: a role, or everybody."""
    return "public" if name == "public" else identifier(name)
