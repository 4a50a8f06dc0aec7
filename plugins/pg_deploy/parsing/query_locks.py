"""The locks of queries and of changes of data, wherever they stand: a view, a policy, a body that is parsed at once."""

from __future__ import annotations

from pg_deploy.parsing.lock_modes import Claims, Lock
from pg_deploy.parsing.tree import Fields, fields, items, quoted, relation, text, walk


def query_locks(node: object) -> Claims:
    """Yield the lock on every relation that a query below the node reads, writes or locks the rows of."""
    with_names: set[str] = set()
    read: list[str] = []
    found = list(walk(node))
    row_locked = [id(n["RangeVar"]) for _, c in found for n in items(c.get("lockedRels")) if "RangeVar" in n]
    for name, content in found:
        if name == "CommonTableExpr":
            with_names.add(quoted(text(content.get("ctename"))))
        elif (
            name in {"RangeVar", "relation", "sourceRelation"}
            and "relname" in content
            and id(content) not in row_locked
        ):
            read.append(relation(content))
    for name, content in found:
        if name in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
            yield Lock.ROW_EXCLUSIVE, relation(content.get("relation"))
        elif name == "SelectStmt" and content.get("lockingClause"):
            for clause in items(content["lockingClause"]):
                yield from _row_locks(content, fields(clause.get("LockingClause")))
    for relation_name in read:
        if relation_name not in with_names:
            yield Lock.ACCESS_SHARE, relation_name


def _row_locks(select: Fields, clause: Fields) -> Claims:
    aliases: dict[str, str] = {}
    for name, content in walk(select.get("fromClause")):
        if name == "RangeVar":
            alias = text(fields(content.get("alias")).get("aliasname")) or text(content.get("relname"))
            aliases[alias] = relation(content)
    locked = [text(fields(node.get("RangeVar")).get("relname")) for node in items(clause.get("lockedRels"))]
    for alias in locked or list(aliases):
        yield Lock.ROW_SHARE, aliases.get(alias, "")
