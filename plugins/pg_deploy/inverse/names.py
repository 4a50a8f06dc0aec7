"""Names and texts as SQL: taking the catalog's identities apart, and quoting what is put into a statement."""

from __future__ import annotations

import re
from functools import lru_cache

from pglast.keywords import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

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


def unquoted(part: str) -> str:
    """One part of a name as the catalog stores it."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def literal(text: str) -> str:
    """A text as a string constant, whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def role(name: str) -> str:
    """A grantee: a role, or everybody."""
    return "public" if name == "public" else identifier(name)
