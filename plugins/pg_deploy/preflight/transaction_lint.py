"""Findings about statements that share a transaction: a lock that one takes is held while the next ones work.

Linters such as squawk judge each statement by itself, or the file as if each statement committed. Here the segments are known.
"""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.parsing.lock_modes import Lock
from pg_deploy.parsing.splitting import parse
from pg_deploy.parsing.statements import Segment, Statement, segments, split
from pg_deploy.parsing.tree import fields, items, relation, text, type_and_fields
from pg_deploy.preflight.lock_finding import LockFinding

_SCANS = (
    "create index",
    "create materialized view",
    "refresh materialized view",
    "reindex",
    "cluster",
    "create table as",
)
_REMEDY = "put it into a migration of its own, with a later version, or let it run before the lock is taken"


def transaction_findings(sql: str) -> Iterator[LockFinding]:
    """The findings on a migration's text, in order. Touches no database; raises as `split` does."""
    for segment in segments(split(sql, file="")):
        if segment.transactional:
            yield from _validation_findings(segment)
            yield from _work_findings(segment)


def _validation_findings(segment: Segment) -> Iterator[LockFinding]:
    """If a constraint is added NOT VALID and validated in one transaction, the two steps are no better than one."""
    added: dict[tuple[str, str], Statement] = {}
    made = {created.name for each in segment.statements if not each.may_exist_before for created in each.creates}
    for statement in segment.statements:
        for table, kind, name in _constraint_commands(statement):
            if kind == "add":
                added[table, name] = statement
            elif (first := added.get((table, name))) is not None and table not in made:
                strong = max((claim.mode for claim in first.locks), default=Lock.SHARE_ROW_EXCLUSIVE)
                yield LockFinding(
                    "validate-in-the-same-transaction",
                    "error",
                    statement.line,
                    f"it scans {table} in the transaction that added {name} NOT VALID in line {first.line}; as both share one "
                    f"transaction, the strong lock of that line ({strong.sql}) is held for the whole scan",
                    "put the VALIDATE into a migration of its own: it then takes SHARE UPDATE EXCLUSIVE, which nobody waits for",
                )


def _constraint_commands(statement: Statement) -> Iterator[tuple[str, str, str]]:
    """(table, "add" or "validate", name) for each constraint that is added NOT VALID, and each that is validated."""
    if statement.kind != "alter table":
        return
    _, stmt = type_and_fields(parse(statement.brief, file="")[0].tree)
    table = relation(stmt.get("relation"))
    for each in items(stmt.get("cmds")):
        command = fields(each.get("AlterTableCmd"))
        if command.get("subtype") == "AT_ValidateConstraint":
            yield table, "validate", text(command.get("name"))
        elif command.get("subtype") == "AT_AddConstraint":
            constraint = fields(fields(command.get("def")).get("Constraint"))
            if constraint.get("skip_validation"):
                yield table, "add", text(constraint.get("conname"))


def _work_findings(segment: Segment) -> Iterator[LockFinding]:
    """The first statement that writes or scans rows while an ACCESS EXCLUSIVE lock of an earlier statement keeps readers out."""
    holder: tuple[Statement, str] | None = None
    for statement in segment.statements:
        if holder is not None and _takes_long(statement):
            lock_statement, table = holder
            yield LockFinding(
                "work-under-access-exclusive",
                "warning",
                statement.line,
                f"it works while line {lock_statement.line} holds ACCESS EXCLUSIVE on {table}: all statements share one transaction, and "
                "nobody reads that table until the last of them has ended",
                _REMEDY,
            )
            return
        claim = next((each for each in statement.locks if each.mode is Lock.ACCESS_EXCLUSIVE and each.relation), None)
        if holder is None and claim is not None and not statement.kind.startswith("drop"):
            holder = (statement, str(claim.relation))


def _takes_long(statement: Statement) -> bool:
    if statement.writes_rows and statement.kind != "insert":
        return True
    return bool(statement.locks) and statement.kind.startswith(_SCANS)
