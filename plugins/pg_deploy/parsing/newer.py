"""Syntax of a PostgreSQL that is newer than this parser: told by its name, so that nobody looks for a slip of the pen."""

from __future__ import annotations

import re

from pglast import get_postgresql_version

KNOWN_MAJOR: int = get_postgresql_version()[0]
"""The newest major version whose syntax the parser knows, and that deployments are made to."""

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
"""The major version, its name for people, and what stands at the place where an older parser gives up."""
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
    """Why the parser gave up at `place` of `text`, where that is the syntax of a newer PostgreSQL; else None."""
    before, at = text[:place], text[place:]
    for major, name, pattern in _SYNTAX:
        if major <= KNOWN_MAJOR:
            continue
        found = re.match(pattern, at, re.IGNORECASE)
        if found and re.search(_BEFORE.get(name, ""), before, re.IGNORECASE | re.DOTALL):
            return _sentence(major, name)
    # Here an older parser gives up only after it, at whatever follows.
    if KNOWN_MAJOR < 19 and _GROUP_BY_ALL.search(before):
        return _sentence(19, "GROUP BY ALL")
    return None


def _sentence(major: int, name: str) -> str:
    return (
        f"{name} is not known to this parser, PostgreSQL {major} brought it and this version of pg_deploy knows "
        f"PostgreSQL 14 to {KNOWN_MAJOR}"
    )
