"""Syntax of a PostgreSQL that is newer than this parser. The error names it, so that nobody searches for a typing error."""

from __future__ import annotations

import re

from pg_deploy.grammar.parser import MAJOR

KNOWN_MAJOR: int = MAJOR
"""The newest major version whose syntax the parser knows. We deploy to no newer one."""

_SYNTAX: tuple[tuple[int, str, str], ...] = (
    (19, "REPACK", r"repack\b"),
    (19, "WAIT FOR LSN", r"wait\s+for\s+lsn\b"),
    (19, "SPLIT PARTITION", r"split\s+partition\b"),
    (19, "MERGE PARTITIONS", r"merge\s+partitions\b"),
    (19, "PROPERTY GRAPH", r"property\s+graph\b"),
    (19, "GRAPH_TABLE", r"match\s*\("),
    (19, "IGNORE NULLS", r"(?:nulls|ignore\s+nulls|respect\s+nulls)\s+over\b"),
    (19, "FOR PORTION OF", r"for\s+portion\s+of\b"),
    (19, "ON CONFLICT DO SELECT", r"select\b"),
    (19, "EXCEPT TABLE", r"except\b"),
    (19, "options of CHECKPOINT", r"\("),
)
"""The major version that brought the syntax, its name for people, and the text at which an older parser gives up."""
_BEFORE = {
    "GRAPH_TABLE": r"graph_table\s*\([^;]*$",
    "ON CONFLICT DO SELECT": r"\bdo\s+$",
    "EXCEPT TABLE": r"create\s+publication\b[^;]*$",
    "options of CHECKPOINT": r"checkpoint\s+$",
    "IGNORE NULLS": r"\)\s*(?:(?:ignore|respect)\s+)?$",
    "REPACK": r"(?:^|;)(?:\s|--[^\n]*\n|/\*.*?\*/)*$",
    "WAIT FOR LSN": r"(?:^|;)(?:\s|--[^\n]*\n|/\*.*?\*/)*$",
}
_GROUP_BY_ALL = re.compile(r"\bgroup\s+by\s+all\b\s*$", re.IGNORECASE)


def newer_syntax(text: str, place: int) -> str | None:
    """A sentence if the parser gave up at `place` of `text` because of a newer PostgreSQL's syntax; else None."""
    before, after = text[:place], text[place:]
    for major, name, pattern in _SYNTAX:
        if (
            major > KNOWN_MAJOR
            and re.match(pattern, after, re.IGNORECASE)
            and re.search(_BEFORE.get(name, ""), before, re.IGNORECASE | re.DOTALL)
        ):
            return _sentence(major, name)
    # This syntax is valid for an older parser too, up to the word that follows it.
    if KNOWN_MAJOR < 19 and _GROUP_BY_ALL.search(before):
        return _sentence(19, "GROUP BY ALL")
    return None


def _sentence(major: int, name: str) -> str:
    return (
        f"{name} is not known to this parser, PostgreSQL {major} brought it and this version of pg_deploy knows "
        f"PostgreSQL 14 to {KNOWN_MAJOR}"
    )
