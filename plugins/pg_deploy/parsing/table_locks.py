"""The locks of `create table` and `alter table`, by subcommand."""

from __future__ import annotations

from pg_deploy.parsing.lock_modes import Claims, Lock
from pg_deploy.parsing.tree import Fields, fields, items, list_items, options, relation, text, walk

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


def alter_table_locks(stmt: Fields) -> Claims:
    target = relation(stmt.get("relation"))
    commands = [fields(node.get("AlterTableCmd")) for node in items(stmt.get("cmds"))]
    if stmt.get("objtype") == "OBJECT_INDEX":
        yield max(map(_mode_of_subcommand, commands)), target
        if any(command.get("subtype") == "AT_AttachPartition" for command in commands):
            yield Lock.ACCESS_EXCLUSIVE, None
        return
    for command in commands:
        yield _mode_of_subcommand(command), target
        yield from _other_tables(command)


def _mode_of_subcommand(command: Fields) -> Lock:
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
        name.startswith(_LIGHT_OPTIONS) for name in options(list_items(command.get("def")))
    ):
        return Lock.SHARE_UPDATE_EXCLUSIVE
    return Lock.ACCESS_EXCLUSIVE


def _other_tables(command: Fields) -> Claims:
    kind = text(command.get("subtype"))
    for name, content in walk(command.get("def")):
        if name == "Constraint" and content.get("contype") == "CONSTR_FOREIGN":
            yield Lock.SHARE_ROW_EXCLUSIVE, relation(content.get("pktable"))
        elif name == "PartitionCmd":
            yield Lock.ACCESS_EXCLUSIVE, relation(content.get("name"))
            if not content.get("concurrent"):  # the default partition, and the tables that its foreign keys name
                yield Lock.ACCESS_EXCLUSIVE, None
        elif name == "RangeVar" and kind in {"AT_AddInherit", "AT_DropInherit"}:
            yield Lock.SHARE_UPDATE_EXCLUSIVE if kind == "AT_AddInherit" else Lock.ACCESS_SHARE, relation(content)
    if kind in {"AT_DropConstraint", "AT_DropColumn", "AT_AlterColumnType", "AT_AlterConstraint", "AT_ReAddConstraint"}:
        yield Lock.ACCESS_EXCLUSIVE, None  # the table at the other end of a foreign key
    elif kind == "AT_ValidateConstraint":
        yield Lock.ROW_SHARE, None


def create_table_locks(stmt: Fields) -> Claims:
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
