"""The locks of queries and data changes, wherever they stand: in a view, a policy, or a body that PostgreSQL parses at once."""

from __future__ import annotations

from pg_deploy.parsing.lock_modes import Claims, Lock
from pg_deploy.parsing.tree import Fields, fields, items, quoted, relation, text, walk


def query_locks(node: object) -> Claims:
    """Yield the lock on every relation whose rows a query below the node reads, writes or locks."""
    cte_names: set[str] = set()
    read: list[str] = []
    below = list(walk(node))
    # In FOR UPDATE OF, a RangeVar names an alias and no relation.
    aliases = [id(n["RangeVar"]) for _, content in below for n in items(content.get("lockedRels")) if "RangeVar" in n]
    for name, content in below:
        if name == "CommonTableExpr":
            cte_names.add(quoted(text(content.get("ctename"))))
        elif name in {"RangeVar", "relation", "sourceRelation"} and "relname" in content and id(content) not in aliases:
            read.append(relation(content))
    for name, content in below:
        if name in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
            yield Lock.ROW_EXCLUSIVE, relation(content.get("relation"))
        elif name == "SelectStmt" and content.get("lockingClause"):
            for clause in items(content["lockingClause"]):
                yield from _row_locks(content, fields(clause.get("LockingClause")))
    for relation_name in read:
        if relation_name not in cte_names:
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
