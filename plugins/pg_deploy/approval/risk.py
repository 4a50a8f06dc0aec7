"""How risky a migration is, by what it does: its author may say more than that, and not less."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pg_deploy.catalog.names import identity_of
from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.rehearsal import Changes, Rehearsal
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.statements import Statement
from pg_deploy.preflight.lock_lint import HOLDS_LOCKS
from pg_deploy.rollback.generator.row_changes import Named, read_row_changes

ASKED = ("medium", "high", "unknown")
_ACCESS_KINDS = ("grant", "revoke", "policy", "role", "default privileges", "owner")
_ACCESS_FACTS = ("policy", "grant", "default grant", "role", "membership")
_ACCESS_WORDS = re.compile(
    r"\b(row\s+level\s+security|security\s+definer|owner\s+to|bypassrls|security_invoker)\b", re.IGNORECASE
)
_REWRITES = re.compile(
    r"\b(vacuum\s*(\(.*\bfull\b.*\)|full)|set\s+(un)?logged|set\s+access\s+method|alter\s+column\s+\S+\s+(set\s+data\s+)?type)\b",
    re.IGNORECASE,
)
_ROWS_IN_CODE = re.compile(r"\b(insert\s+into|update|delete\s+from|truncate|merge\s+into)\b", re.IGNORECASE)
_HARMLESS_DROPS = ("index", "comment")
_MOST_NAMED = 3
_WHOLE_OBJECTS = frozenset(
    {"table", "column", "view", "materialized view", "schema", "function", "procedure", "type", "sequence", "extension"}
)


def raised_risk(
    migration: Migration, rehearsed: Rehearsal | None, *, lock_budget: float, lock_reason: str
) -> tuple[str, ...]:
    """Why the risk is at least high, one phrase each; empty if nothing that it does makes it so. Pure.

    If it was `rehearsed`, what happened on the copy counts beside what the text says. `lock_reason` is the lock lint's, "" for none.
    """
    statements = migration.statements
    reasons = []
    if migration.rollback is None:
        reasons.append("it cannot be undone: it brings nothing that was proven to undo it")
    reasons += _lost_rows(migration, rehearsed)
    reasons += _drops(statements, rehearsed)
    if _changes_access(migration, rehearsed):
        reasons.append("it changes who may do what")
    rewriting = [each for each in statements if each.kind == "cluster" or _REWRITES.search(each.brief)]
    rewrites = any(not each.kind.startswith("create") for each in rewriting)
    reasons += dict.fromkeys(filter(None, (HOLDS_LOCKS if rewrites else "", lock_reason)))
    return (*reasons, *_long_locks(migration, rehearsed, lock_budget))


def risk_in_force(declared: str, reasons: Sequence[str]) -> str:
    """The author's word, or high if what it does says so. Pure."""
    return "high" if reasons and declared != "unknown" else declared


def _lost_rows(migration: Migration, rehearsed: Rehearsal | None) -> list[str]:
    """Why rows are lost: it writes rows that were there, and its rollback does not write them back."""
    made = {
        ("table", created.name if "." in created.name else f"public.{created.name}")
        for each in migration.statements
        for created in each.creates
        if created.kind == "table"
    }
    tables = {change.table or "tables" for change in read_row_changes(migration.file.sql, Named(now=made))}
    tables |= set(rehearsed.written if rehearsed else ())
    if rehearsed is None:
        tables |= {
            "tables in code" for each in migration.statements if each.opaque and _ROWS_IN_CODE.search(each.brief)
        }
    restored = {change.table for change in read_row_changes(migration.rollback or "select 1")}
    lost = sorted(tables - restored)
    return [f"it writes or deletes rows of {_listed(lost)}, and no rollback brings them back"] if lost else []


def _drops(statements: Sequence[Statement], rehearsed: Rehearsal | None) -> list[str]:
    made = {(each.kind, each.name, each.on) for statement in statements for each in statement.creates}
    dropped = {
        f"{each.kind} {each.name}"
        for statement in statements
        for each in statement.drops
        if each.kind not in _HARMLESS_DROPS and (each.kind, each.name, each.on) not in made
    }
    dropped |= {f"rows of {statement.summary}" for statement in statements if statement.kind == "truncate"}
    removed = _changes(rehearsed).removed
    if not dropped:
        dropped = {f"{kind} {identity}" for kind, identity in removed if kind in _WHOLE_OBJECTS}
    return [f"it drops {_listed(sorted(dropped))}"] if dropped else []


def _changes_access(migration: Migration, rehearsed: Rehearsal | None) -> bool:
    if migration.manifest.access == "changed" or migration.access.opened or migration.access.changed:
        return True
    for each in migration.statements:
        if any(word in each.kind for word in _ACCESS_KINDS) or _ACCESS_WORDS.search(each.brief):
            return True
    changes = _changes(rehearsed)
    made = {identity for kind, identity in changes.added if kind not in _ACCESS_FACTS}
    # Rights on a new object belong to the object itself. Only rights on what was there before count here.
    return any(kind in _ACCESS_FACTS and _object_of(kind, identity) not in made for kind, identity in changes.all)


def _changes(rehearsed: Rehearsal | None) -> Changes:
    return rehearsed.changes if rehearsed and rehearsed.changes else Changes()


def _object_of(kind: str, identity: str) -> str:
    named = identity_of((kind, identity))
    of = named.of if kind in ("grant", "policy") else named
    return of.relation if of is not None and of.kind == "column" else of or named


def _long_locks(migration: Migration, rehearsed: Rehearsal | None, budget: float) -> list[str]:
    declared = migration.manifest.holds_lock_seconds
    if declared is not None and declared > budget:
        return [f"it declares to hold a lock for {format_duration(declared)}, longer than the budget"]
    held = [
        lock.held_s
        for statement in (rehearsed.statements if rehearsed else ())
        for lock in statement.locks
        if lock.mode.strong
    ]
    longest = max(held, default=0.0)
    return (
        [f"it held a lock for {format_duration(longest)} in the rehearsal, longer than the budget"]
        if longest > budget
        else []
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
