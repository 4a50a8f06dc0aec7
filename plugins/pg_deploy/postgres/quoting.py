"""Names and texts as SQL or a sentence needs them: quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pg_deploy.grammar.parser import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_KEYWORDS = frozenset(RESERVED_KEYWORDS) | frozenset(COL_NAME_KEYWORDS) | frozenset(TYPE_FUNC_NAME_KEYWORDS)


def in_full(*parts: str) -> str:
    """A qualified name, every part quoted: read alike by SQL, by to_regclass() and by a pattern of pg_dump."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def quote(*parts: str) -> str:
    """A name as `in_full`, for SQL alone: a per cent sign is written so that no client takes it for a parameter."""
    return ".".join(
        "U&" + in_full(part).replace("\\", "\\\\").replace("%", "\\0025") if "%" in part else in_full(part)
        for part in parts
    )


def in_quotes(name: str) -> str:
    """A name for a sentence: in quotation marks, unless it has some of its own."""
    return name if '"' in name else f'"{name}"'


def many(label: str, role: str, count: int) -> str:
    """One subject with its role, for a sentence, and how many more of that role it stands for."""
    who = label if label == role else f"{label} ({role})"
    return who if count < 2 else f"{who} and {count - 1} more of that role"


def identifier(name: str) -> str:
    """An unquoted name (of a role, a setting's part) as an identifier, quoted where it must be."""
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a string constant, whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def array_of(values: Iterable[str | None]) -> str:
    """Texts as the text of an array; None is null."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: str | None) -> str:
    if value is None:
        return "null"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
