"""Statements that commit by themselves: a DO block or a procedure with COMMIT in its body, which no transaction may hold.

PostgreSQL refuses such a COMMIT inside a transaction block (2D000), so they run alone, as psql runs them. They are never run
a second time blindly: what a killed one did no catalog shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from pg_deploy.parsing.tree import fields, items, opened, options, strings, text

_NO_SQL = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_ENDS = re.compile(
    r"(?<![\w.])(?:commit|rollback)(?:\s+and\s+(?:no\s+)?chain)?\s*;|\bplpy\s*\.\s*(?:commit|rollback)\b|\bspi_(?:commit|rollback)\b",
    re.IGNORECASE,
)
_CALLS = re.compile(r"(?<![\w.])call\s+((?:[\w$]+\s*\.\s*)?[\w$]+)\s*\(", re.IGNORECASE)
_MARKED = re.compile(r"^[ \t]*--[ \t]*pg_deploy:[ \t]*outside a transaction\b", re.IGNORECASE | re.MULTILINE)
MARK = "-- pg_deploy: outside a transaction"


def ends_transactions(body: str) -> bool:
    """Whether a body in PL/pgSQL, PL/Python or PL/Perl commits or rolls back."""
    return _ENDS.search(_NO_SQL.sub(" ", body)) is not None


def alone(statements: Sequence[tuple[str, object]]) -> list[bool]:
    """For each statement of a file, as (text, tree), whether it commits by itself. Touches no database.

    A CALL counts where its procedure is made in the same file, or where the comment MARK stands before it.
    """
    committing: set[str] = set()
    found = []
    for sql, tree in statements:
        name, stmt = opened(tree)
        if (
            name == "CreateFunctionStmt"
            and stmt.get("is_procedure")
            and _commits(_body(stmt.get("options")), committing)
        ):
            committing.add(strings(stmt.get("funcname"))[-1])
        marked = name in {"DoStmt", "CallStmt"} and _MARKED.search(sql) is not None
        by_itself = name == "DoStmt" and _commits(_body(stmt.get("args")), committing)
        found.append(
            marked or by_itself or (name == "CallStmt" and procedure(tree)[-1:] in [[each] for each in committing])
        )
    return found


def procedure(tree: object) -> list[str]:
    """The name of what a CALL calls, in its parts; empty for any other statement."""
    name, stmt = opened(tree)
    return strings(fields(stmt.get("funccall")).get("funcname")) if name == "CallStmt" else []


def _commits(body: str, committing: Set[str]) -> bool:
    if ends_transactions(body):
        return True
    return any(call.rsplit(".", 1)[-1].strip().lower() in committing for call in _CALLS.findall(_NO_SQL.sub(" ", body)))


def _body(nodes: object) -> str:
    given = options(nodes).get("as")
    name, content = opened(given)
    if name == "List":
        return " ".join(strings(items(content.get("items"))))
    return text(content.get("sval"))
