"""Parts that several kinds of statements have in common: the database at hand, storage options, grantees, when a trigger fires."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pg_deploy.postgres.quoting import identifier, literal

FIRING = {"never": "disable", "on replica": "enable replica", "always": "enable always", "normally": "enable"}
"""How ALTER TABLE or ALTER EVENT TRIGGER makes a trigger or rule fire as its fact says."""

HERE = "\0"
"""Stands for the database at hand in a statement: no name holds it."""

INDEX_STORAGE = re.compile(r" WITH \(([^)]*)\)")
"""The storage parameters in an index's definition."""


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
