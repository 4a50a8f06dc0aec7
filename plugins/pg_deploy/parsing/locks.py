"""Which table locks a statement takes, read from its syntax tree.

The claims were compared with pg_locks on a real server (tests/core/parsing/test_statements_locks.py). They name the
relations that stand in the text. `relation=None` stands for relations that the text does not name: the tables behind a
dropped foreign key, the table of a dropped index, everything that a cascade reaches. There are no claims for indexes,
TOAST tables, and the ROW SHARE that a check of a foreign key takes. A claim on a parent includes its partitions and the
tables that inherit from it.
"""

from __future__ import annotations

from collections.abc import Callable

from pg_deploy.parsing.lock_modes import Claims, Lock, LockClaim
from pg_deploy.parsing.query_locks import query_locks
from pg_deploy.parsing.table_locks import alter_table_locks, create_table_locks
from pg_deploy.parsing.tree import (
    Fields,
    fields,
    items,
    list_items,
    options,
    quoted,
    relation,
    strings,
    switched_on,
    text,
    type_and_fields,
    walk,
)

_ON_A_TABLE = frozenset({"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"})
_RELATIONS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX"}
)


def lock_claims(node: object) -> tuple[LockClaim, ...]:
    """Return, for each relation that existed before the statement, the strongest lock that the statement takes on it."""
    name, stmt = type_and_fields(node)
    strongest: dict[str | None, Lock] = {}
    for mode, relation_name in _claims(name, stmt):
        if relation_name != "":
            strongest[relation_name] = max(mode, strongest.get(relation_name, mode))
    strongest.pop(_created_relation(name, stmt), None)
    return tuple(LockClaim(mode, relation_name) for relation_name, mode in strongest.items())


def _created_relation(name: str, stmt: Fields) -> str:
    if name == "CreateStmt":
        return relation(stmt.get("relation"))
    if name == "CreateForeignTableStmt":
        return relation(fields(stmt.get("base")).get("relation"))
    if name == "CreateTableAsStmt":
        return relation(fields(stmt.get("into")).get("rel"))
    if name == "SelectStmt":
        return relation(fields(stmt.get("intoClause")).get("rel"))
    if name == "ViewStmt" and not stmt.get("replace"):
        return relation(stmt.get("view"))
    return ""


def _claims(name: str, stmt: Fields) -> Claims:
    reader = _READERS.get(name)
    if reader is not None:
        yield from reader(stmt)
    elif name in _ON_RELATION:
        yield _ON_RELATION[name], relation(stmt.get("relation") or stmt.get("table"))
        yield from query_locks(stmt)
    elif name in _ON_NOTHING_NAMED:
        yield _ON_NOTHING_NAMED[name], None
    elif name not in _BODIES_UNREAD:
        yield from query_locks({name: stmt})


def _create_schema(stmt: Fields) -> Claims:
    created: set[str] = set()
    for element in items(stmt.get("schemaElts")):
        name, content = type_and_fields(element)
        created.add(_created_relation(name, content))
        for mode, relation_name in _claims(name, content):
            if relation_name not in created:
                yield mode, relation_name


def _create_index(stmt: Fields) -> Claims:
    yield Lock.SHARE_UPDATE_EXCLUSIVE if stmt.get("concurrent") else Lock.SHARE, relation(stmt.get("relation"))


def _drop(stmt: Fields) -> Claims:
    kind = text(stmt.get("removeType"))
    for node in items(stmt.get("objects")):
        name = strings(list_items(node))
        if kind in _ON_A_TABLE:
            yield Lock.ACCESS_EXCLUSIVE, quoted(*name[:-1])
        elif kind == "OBJECT_INDEX" and stmt.get("concurrent"):
            yield Lock.SHARE_UPDATE_EXCLUSIVE, quoted(*name)
            yield Lock.SHARE_UPDATE_EXCLUSIVE, None
        elif kind in _RELATIONS:
            yield Lock.ACCESS_EXCLUSIVE, quoted(*name)
            if kind in {"OBJECT_INDEX", "OBJECT_TABLE"}:
                yield Lock.ACCESS_EXCLUSIVE, None
    if stmt.get("behavior") == "DROP_CASCADE" or kind in {"OBJECT_EXTENSION", "OBJECT_STATISTIC_EXT"}:
        yield Lock.ACCESS_EXCLUSIVE if kind != "OBJECT_STATISTIC_EXT" else Lock.SHARE_UPDATE_EXCLUSIVE, None


def _rename(stmt: Fields) -> Claims:
    index = stmt.get("renameType") == "OBJECT_INDEX"
    yield Lock.SHARE_UPDATE_EXCLUSIVE if index else Lock.ACCESS_EXCLUSIVE, relation(stmt.get("relation"))


def _comment(stmt: Fields) -> Claims:
    kind = text(stmt.get("objtype"))
    name = strings(list_items(stmt.get("object")))
    if kind == "OBJECT_COLUMN":
        yield Lock.SHARE_UPDATE_EXCLUSIVE, quoted(*name[:-1])
    elif kind in _ON_A_TABLE or kind == "OBJECT_TABCONSTRAINT":
        yield Lock.ACCESS_SHARE, quoted(*name[:-1])
    elif kind in _RELATIONS:
        yield Lock.SHARE_UPDATE_EXCLUSIVE, quoted(*name)


def _reindex(stmt: Fields) -> Claims:
    concurrent = switched_on(options(stmt.get("params")), "concurrently")
    exclusive = Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.ACCESS_EXCLUSIVE
    if stmt.get("kind") == "REINDEX_OBJECT_TABLE":
        yield Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.SHARE, relation(stmt.get("relation"))
        yield exclusive, None  # its indexes: to plan any query of the table, the server locks them too
    elif stmt.get("kind") == "REINDEX_OBJECT_INDEX":
        yield exclusive, relation(stmt.get("relation"))
        yield Lock.SHARE_UPDATE_EXCLUSIVE if concurrent else Lock.SHARE, None
    else:
        yield exclusive, None


def _vacuum(stmt: Fields) -> Claims:
    full = switched_on(options(stmt.get("options")), "full")
    mode = Lock.ACCESS_EXCLUSIVE if full else Lock.SHARE_UPDATE_EXCLUSIVE
    targets = items(stmt.get("rels"))
    for node in targets:
        yield mode, relation(fields(node.get("VacuumRelation")).get("relation"))
    if not targets:
        yield mode, None


def _cluster(stmt: Fields) -> Claims:
    yield Lock.ACCESS_EXCLUSIVE, relation(stmt.get("relation")) or None


def _refresh(stmt: Fields) -> Claims:
    yield Lock.EXCLUSIVE if stmt.get("concurrent") else Lock.ACCESS_EXCLUSIVE, relation(stmt.get("relation"))
    yield Lock.ACCESS_SHARE, None


def _truncate(stmt: Fields) -> Claims:
    for node in items(stmt.get("relations")):
        yield Lock.ACCESS_EXCLUSIVE, relation(node.get("RangeVar"))
    if stmt.get("behavior") == "DROP_CASCADE":
        yield Lock.ACCESS_EXCLUSIVE, None


def _lock_table(stmt: Fields) -> Claims:
    mode = stmt.get("mode")
    for node in items(stmt.get("relations")):
        yield Lock(mode) if isinstance(mode, int) else Lock.ACCESS_EXCLUSIVE, relation(node.get("RangeVar"))


def _copy(stmt: Fields) -> Claims:
    yield Lock.ROW_EXCLUSIVE if stmt.get("is_from") else Lock.ACCESS_SHARE, relation(stmt.get("relation"))
    yield from query_locks(stmt.get("query"))


def _view(stmt: Fields) -> Claims:
    if stmt.get("replace"):
        yield Lock.ACCESS_EXCLUSIVE, relation(stmt.get("view"))
    yield from query_locks(stmt.get("query"))


def _publication(stmt: Fields) -> Claims:
    for name, content in walk(stmt.get("pubobjects")):
        if name == "pubtable":
            yield Lock.SHARE_UPDATE_EXCLUSIVE, relation(content.get("relation"))


def _sequence(stmt: Fields) -> Claims:
    if "options" in stmt and "owned_by" in (given := options(stmt.get("options"))):
        owner = strings(list_items(given["owned_by"]))
        if len(owner) > 1:
            yield Lock.ACCESS_SHARE, quoted(*owner[:-1])


def _alter_sequence(stmt: Fields) -> Claims:
    yield Lock.SHARE_ROW_EXCLUSIVE, relation(stmt.get("sequence"))
    yield from _sequence(stmt)


def _statistics(stmt: Fields) -> Claims:
    for node in items(stmt.get("relations")):
        yield Lock.SHARE_UPDATE_EXCLUSIVE, relation(node.get("RangeVar"))


def _trigger(stmt: Fields) -> Claims:
    yield Lock.SHARE_ROW_EXCLUSIVE, relation(stmt.get("relation"))
    yield Lock.ACCESS_SHARE, relation(stmt.get("constrrel"))


def _foreign_table(stmt: Fields) -> Claims:
    yield from create_table_locks(fields(stmt.get("base")))


def _alter_domain(stmt: Fields) -> Claims:
    # Add constraint, validate constraint, set not null: they lock the tables that use the domain.
    if stmt.get("subtype") in {"C", "V", "O"}:
        yield Lock.SHARE, None


def _depends(stmt: Fields) -> Claims:
    trigger = stmt.get("objectType") == "OBJECT_TRIGGER"
    yield Lock.ACCESS_SHARE if trigger else Lock.ACCESS_EXCLUSIVE, relation(stmt.get("relation"))


def _explain(stmt: Fields) -> Claims:
    yield from _claims(*type_and_fields(stmt.get("query")))


_ON_RELATION = {
    "CreatePolicyStmt": Lock.ACCESS_EXCLUSIVE,
    "AlterPolicyStmt": Lock.ACCESS_EXCLUSIVE,
    "RuleStmt": Lock.ACCESS_EXCLUSIVE,
    "AlterObjectSchemaStmt": Lock.ACCESS_EXCLUSIVE,
}
_ON_NOTHING_NAMED = {
    "DropOwnedStmt": Lock.ACCESS_EXCLUSIVE,
    "ReassignOwnedStmt": Lock.ACCESS_EXCLUSIVE,
    "AlterTableMoveAllStmt": Lock.ACCESS_EXCLUSIVE,
    "AlterExtensionStmt": Lock.ACCESS_EXCLUSIVE,
    "DropdbStmt": Lock.ACCESS_EXCLUSIVE,
    "AlterTypeStmt": Lock.ACCESS_SHARE,
}
_BODIES_UNREAD = frozenset({"GrantStmt", "DeclareCursorStmt", "PrepareStmt", "AlterStatsStmt", "CompositeTypeStmt"})
_READERS: dict[str, Callable[[Fields], Claims]] = {
    "AlterTableStmt": alter_table_locks,
    "CreateStmt": create_table_locks,
    "CreateSchemaStmt": _create_schema,
    "CreateForeignTableStmt": _foreign_table,
    "IndexStmt": _create_index,
    "DropStmt": _drop,
    "RenameStmt": _rename,
    "CommentStmt": _comment,
    "SecLabelStmt": _comment,
    "ReindexStmt": _reindex,
    "VacuumStmt": _vacuum,
    "ClusterStmt": _cluster,
    "RefreshMatViewStmt": _refresh,
    "TruncateStmt": _truncate,
    "LockStmt": _lock_table,
    "CopyStmt": _copy,
    "ViewStmt": _view,
    "CreatePublicationStmt": _publication,
    "AlterPublicationStmt": _publication,
    "CreateSeqStmt": _sequence,
    "AlterSeqStmt": _alter_sequence,
    "CreateStatsStmt": _statistics,
    "CreateTrigStmt": _trigger,
    "AlterDomainStmt": _alter_domain,
    "AlterObjectDependsStmt": _depends,
    "ExplainStmt": _explain,
}
