"""Which table locks a statement takes, read from its syntax tree.

The claims were compared with pg_locks on a real server (tests/core/test_statements_locks.py). They name relations that stand
in the text. `relation=None` stands for relations that the text does not name: the tables behind a dropped foreign key, the
table of a dropped index, everything a cascade reaches. Not claimed: indexes, TOAST tables, and the ROW SHARE of foreign-key
checks; partitions and inheriting tables share the lock of the parent that is named.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pg_deploy.sql_tree import (
    Fields,
    fields,
    items,
    opened,
    options,
    quoted,
    relation,
    strings,
    switched_on,
    text,
    walk,
)


class Lock(enum.IntEnum):
    """PostgreSQL's table lock modes; a greater one conflicts with more."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def sql(self) -> str:
        """The mode as PostgreSQL writes it."""
        return self.name.replace("_", " ")

    @property
    def strong(self) -> bool:
        """Whether the lock makes writers wait."""
        return self >= Lock.SHARE


@dataclass(frozen=True)
class LockClaim:
    """A lock on a relation, its name as written; None: on relations that the text does not name."""

    mode: Lock
    relation: str | None


Claims = Iterator[tuple[Lock, "str | None"]]

_SHARE_UPDATE_SUBCOMMANDS = frozenset(
    {
        "AT_SetStatistics",
        "AT_ClusterOn",
        "AT_DropCluster",
        "AT_SetOptions",
        "AT_ResetOptions",
        "AT_ValidateConstraint",
        "AT_AttachPartition",
        "AT_DetachPartitionFinalize",
    }
)
_TRIGGER_SUBCOMMANDS = ("AT_EnableTrig", "AT_DisableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig")
_LIGHT_OPTIONS = (
    "autovacuum_",
    "toast.",
    "fillfactor",
    "parallel_workers",
    "log_autovacuum",
    "vacuum_",
    "toast_tuple",
    "n_distinct",
)
_ON_A_TABLE = frozenset({"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"})
_RELATIONS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX"}
)


def lock_claims(node: object) -> tuple[LockClaim, ...]:
    """Return the strongest lock by relation that the statement takes on relations that existed before it."""
    name, stmt = opened(node)
    strongest: dict[str | None, Lock] = {}
    for mode, relation_name in _claims(name, stmt):
        if relation_name != "":
            strongest[relation_name] = max(mode, strongest.get(relation_name, mode))
    own_name = _created_relation(name, stmt)
    strongest.pop(own_name, None)
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
    special = _BY_STATEMENT.get(name)
    if special is not None:
        yield from special(stmt)
    elif name in _ON_RELATION:
        yield _ON_RELATION[name], relation(stmt.get("relation") or stmt.get("table"))
        yield from _queries(stmt)
    elif name in _ON_NOTHING_NAMED:
        yield _ON_NOTHING_NAMED[name], None
    elif name not in _BODIES_UNREAD:
        yield from _queries({name: stmt})


def _queries(node: object) -> Claims:
    """The locks of queries wherever they stand: in a select, a view, a policy, a body that is parsed at once."""
    with_names: set[str] = set()
    read: list[str] = []
    found = list(walk(node))
    row_locked = [id(n["RangeVar"]) for _, c in found for n in items(c.get("lockedRels")) if "RangeVar" in n]
    for name, content in found:
        if name == "CommonTableExpr":
            with_names.add(quoted(text(content.get("ctename"))))
        elif name in {"RangeVar", "relation", "sourceRelation"} and "relname" in content and id(content) not in row_locked:
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


def _alter_table(stmt: Fields) -> Claims:
    target = relation(stmt.get("relation"))
    if stmt.get("objtype") == "OBJECT_INDEX":
        modes = [_subcommand(fields(node.get("AlterTableCmd"))) for node in items(stmt.get("cmds"))]
        attach = any(
            fields(node.get("AlterTableCmd")).get("subtype") == "AT_AttachPartition" for node in items(stmt.get("cmds"))
        )
        yield max(modes), target
        if attach:
            yield Lock.ACCESS_EXCLUSIVE, None
        return
    for node in items(stmt.get("cmds")):
        command = fields(node.get("AlterTableCmd"))
        yield _subcommand(command), target
        yield from _other_tables(command)


def _subcommand(command: Fields) -> Lock:
    kind = text(command.get("subtype"))
    content = fields(command.get("def"))
    partition = fields(content.get("PartitionCmd"))
    if kind in _SHARE_UPDATE_SUBCOMMANDS or (kind == "AT_DetachPartition" and partition.get("concurrent")):
        return Lock.SHARE_UPDATE_EXCLUSIVE
    if kind.startswith(_TRIGGER_SUBCOMMANDS):
        return Lock.SHARE_ROW_EXCLUSIVE
    if kind == "AT_AddConstraint" and fields(content.get("Constraint")).get("contype") == "CONSTR_FOREIGN":
        return Lock.SHARE_ROW_EXCLUSIVE
    if kind in {"AT_SetRelOptions", "AT_ResetRelOptions"} and all(
        name.startswith(_LIGHT_OPTIONS) for name in options(content_list(command.get("def")))
    ):
        return Lock.SHARE_UPDATE_EXCLUSIVE
    return Lock.ACCESS_EXCLUSIVE


def content_list(node: object) -> object:
    """Return the items of a List node."""
    return fields(fields(node).get("List")).get("items")


def _other_tables(command: Fields) -> Claims:
    kind = text(command.get("subtype"))
    for name, content in walk(command.get("def")):
        if name == "Constraint" and content.get("contype") == "CONSTR_FOREIGN":
            yield Lock.SHARE_ROW_EXCLUSIVE, relation(content.get("pktable"))
        elif name == "PartitionCmd":
            yield Lock.ACCESS_EXCLUSIVE, relation(content.get("name"))
            if not content.get("concurrent"):  # the default partition, and the tables its foreign keys name
                yield Lock.ACCESS_EXCLUSIVE, None
        elif name == "RangeVar" and kind in {"AT_AddInherit", "AT_DropInherit"}:
            yield Lock.SHARE_UPDATE_EXCLUSIVE if kind == "AT_AddInherit" else Lock.ACCESS_SHARE, relation(content)
    if kind in {"AT_DropConstraint", "AT_DropColumn", "AT_AlterColumnType", "AT_AlterConstraint", "AT_ReAddConstraint"}:
        yield Lock.ACCESS_EXCLUSIVE, None  # the table at the other end of a foreign key
    elif kind == "AT_ValidateConstraint":
        yield Lock.ROW_SHARE, None


def _create_table(stmt: Fields) -> Claims:
    parent_lock = Lock.ACCESS_EXCLUSIVE if stmt.get("partbound") else Lock.SHARE_UPDATE_EXCLUSIVE
    for parent in items(stmt.get("inhRelations")):
        yield parent_lock, relation(parent.get("RangeVar"))
    if stmt.get("partbound"):
        yield Lock.ACCESS_EXCLUSIVE, None  # the default partition
    for name, content in walk(stmt.get("tableElts")):
        if name == "Constraint" and content.get("contype") == "CONSTR_FOREIGN":
            yield Lock.SHARE_ROW_EXCLUSIVE, relation(content.get("pktable"))
        elif name == "TableLikeClause":
            yield Lock.ACCESS_SHARE, relation(content.get("relation"))


def _create_schema(stmt: Fields) -> Claims:
    created: set[str] = set()
    for element in items(stmt.get("schemaElts")):
        name, content = opened(element)
        created.add(_created_relation(name, content))
        for mode, relation_name in _claims(name, content):
            if relation_name not in created:
                yield mode, relation_name


def _create_index(stmt: Fields) -> Claims:
    yield Lock.SHARE_UPDATE_EXCLUSIVE if stmt.get("concurrent") else Lock.SHARE, relation(stmt.get("relation"))


def _drop(stmt: Fields) -> Claims:
    kind = text(stmt.get("removeType"))
    for node in items(stmt.get("objects")):
        name = strings(content_list(node))
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
    name = strings(content_list(stmt.get("object")))
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
        yield exclusive, None  # the indexes: planning any query of the table waits for them
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
    yield from _queries(stmt.get("query"))


def _view(stmt: Fields) -> Claims:
    if stmt.get("replace"):
        yield Lock.ACCESS_EXCLUSIVE, relation(stmt.get("view"))
    yield from _queries(stmt.get("query"))


def _publication(stmt: Fields) -> Claims:
    for name, content in walk(stmt.get("pubobjects")):
        if name == "pubtable":
            yield Lock.SHARE_UPDATE_EXCLUSIVE, relation(content.get("relation"))


def _sequence(stmt: Fields) -> Claims:
    if "options" in stmt and "owned_by" in (given := options(stmt.get("options"))):
        owner = strings(content_list(given["owned_by"]))
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
    yield from _create_table(fields(stmt.get("base")))


def _alter_domain(stmt: Fields) -> Claims:
    if stmt.get("subtype") in {
        "C",
        "V",
        "O",
    }:  # add constraint, validate constraint, set not null: the tables that use it
        yield Lock.SHARE, None


def _depends(stmt: Fields) -> Claims:
    trigger = stmt.get("objectType") == "OBJECT_TRIGGER"
    yield Lock.ACCESS_SHARE if trigger else Lock.ACCESS_EXCLUSIVE, relation(stmt.get("relation"))


def _explain(stmt: Fields) -> Claims:
    yield from _claims(*opened(stmt.get("query")))


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
_BY_STATEMENT: dict[str, Callable[[Fields], Claims]] = {
    "AlterTableStmt": _alter_table,
    "CreateStmt": _create_table,
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
