"""Statements that commit by themselves: a DO block or a procedure with COMMIT in its body.

PostgreSQL refuses such a COMMIT inside a transaction block (2D000), so these statements run alone, as psql runs them. They
are never repeated blindly: no catalog shows how far a killed one came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from pg_deploy.parsing.tree import fields, items, options, strings, text, type_and_fields

_NO_SQL = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_ENDS = re.compile(
    r"(?<![\w.])(?:commit|rollback)(?:\s+and\s+(?:no\s+)?chain)?\s*;|\bplpy\s*\.\s*(?:commit|rollback)\b|\bspi_(?:commit|rollback)\b",
    re.IGNORECASE,
)
_CALLS = re.compile(r"(?<![\w.])call\s+((?:[\w$]+\s*\.\s*)?[\w$]+)\s*\(", re.IGNORECASE)
_MARKED = re.compile(r"^[ \t]*--[ \t]*pg_deploy:[ \t]*outside a transaction\b", re.IGNORECASE | re.MULTILINE)
OUTSIDE_A_TRANSACTION = "-- pg_deploy: outside a transaction"
"""The comment by which an author says that the DO or CALL after it commits by itself."""


def ends_transactions(body: str) -> bool:
    """Whether a body in PL/pgSQL, PL/Python or PL/Perl commits or rolls back. Pure."""
    return _ENDS.search(_NO_SQL.sub(" ", body)) is not None


def which_commit(statements: Sequence[tuple[str, object]]) -> list[bool]:
    """For each statement of a file, as (text, tree), whether it commits by itself. Pure.

    A CALL counts if its procedure is made in the same file, or if the comment OUTSIDE_A_TRANSACTION stands before it.
    """
    committing: set[str] = set()
    answers = []
    for sql, tree in statements:
        name, stmt = type_and_fields(tree)
        if (
            name == "CreateFunctionStmt"
            and stmt.get("is_procedure")
            and _commits(_body(stmt.get("options")), committing)
        ):
            committing.add(strings(stmt.get("funcname"))[-1])
        marked = name in {"DoStmt", "CallStmt"} and _MARKED.search(sql) is not None
        block_commits = name == "DoStmt" and _commits(_body(stmt.get("args")), committing)
        answers.append(marked or block_commits or not committing.isdisjoint(called_procedure(tree)[-1:]))
    return answers


def called_procedure(tree: object) -> list[str]:
    """The parts of the name of the procedure that a CALL calls; empty for any other statement."""
    name, stmt = type_and_fields(tree)
    return strings(fields(stmt.get("funccall")).get("funcname")) if name == "CallStmt" else []


def _commits(body: str, committing: Set[str]) -> bool:
    if ends_transactions(body):
        return True
    return any(call.rsplit(".", 1)[-1].strip().lower() in committing for call in _CALLS.findall(_NO_SQL.sub(" ", body)))


def _body(nodes: object) -> str:
    name, content = type_and_fields(options(nodes).get("as"))
    if name == "List":
        return " ".join(strings(items(content.get("items"))))
    return text(content.get("sval"))
