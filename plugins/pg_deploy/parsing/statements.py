"""Splitting a migration's SQL into statements, and grouping them into what runs in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.committing import which_commit
from pg_deploy.parsing.errors import TransactionControlError
from pg_deploy.parsing.kinds import (
    ConcurrentIndex,
    ObjectName,
    changes_session,
    changes_unseen,
    concurrent_index,
    is_opaque,
    kind_of,
    runs_in_transaction,
    writes_rows,
)
from pg_deploy.parsing.lock_modes import Lock, LockClaim
from pg_deploy.parsing.locks import lock_claims
from pg_deploy.parsing.objects import created_objects, dropped_objects
from pg_deploy.parsing.splitting import RawStatement, parse
from pg_deploy.parsing.summary import summary_of
from pg_deploy.parsing.tree import fields, text, type_and_fields

__all__ = [
    "ConcurrentIndex",
    "Lock",
    "LockClaim",
    "ObjectName",
    "Segment",
    "Statement",
    "segments",
    "split",
    "split_check",
]

_RELATION_KINDS = frozenset({"table", "foreign table", "view", "materialized view"})
_REMEDY = "remove it: each part of a migration already runs in one transaction"
_REMEDY_CHECK = "remove it: a check runs in a transaction that is aborted"


@dataclass(frozen=True)
class Statement:
    """One statement of a file, as it is sent, and what its text says about it.

    - `sql` is the file's own text without the `;`. `brief` is the same without bulk rows: the first of many rows of
      constants. `summary` is one line for logs, without comments and secrets.
    - `line` (from 1) is the line of its first token.
    - `locks` are those on relations that existed before the statement's transaction.
    - `opaque`: its text does not show all that it locks. `unseen`: it may change objects that it does not name.
    - `session_state`: it leaves a setting or a lock in the session.
    - `commits`: it ends transactions by itself, so it runs in none.
    - `may_exist_before`: what it creates may have existed before, as with `if not exists` and `or replace`.
    """

    ordinal: int
    sql: str
    line: int
    kind: str
    transactional: bool
    locks: tuple[LockClaim, ...]
    opaque: bool
    unseen: bool
    writes_rows: bool
    session_state: bool
    commits: bool
    may_exist_before: bool
    concurrent: ConcurrentIndex | None
    creates: tuple[ObjectName, ...]
    drops: tuple[ObjectName, ...]
    summary: str
    brief: str

    @property
    def strong(self) -> bool:
        """Whether it takes, or may take, a lock that makes writers wait."""
        return self.opaque or any(claim.mode.strong for claim in self.locks)


@dataclass(frozen=True)
class Segment:
    """Statements that run in one transaction, or a single one that cannot run in any. `ordinal` counts from 1 in the file."""

    ordinal: int
    statements: tuple[Statement, ...]
    transactional: bool

    @property
    def strong(self) -> bool:
        """Whether any of its statements takes, or may take, a lock that makes writers wait."""
        return any(statement.strong for statement in self.statements)


def split(text: str, *, file: str) -> tuple[Statement, ...]:
    """Return a migration's statements in order; `file` names it in errors. Touches no database.

    One `begin` … `commit` around the whole file is accepted and left out. Raises SqlSyntaxError, EmptyMigrationError,
    TransactionControlError, PsqlCommandError or CopyDataError.
    """
    known = _known(text)
    return _split(text, file) if known is None else known


@lru_cache(maxsize=16)
def _known(text: str) -> tuple[Statement, ...] | None:
    """The statements, cached; None if the text is refused. A refusal is not cached: it names the file."""
    try:
        return _split(text, "")
    except PgDeployError:
        return None


def _split(text: str, file: str) -> tuple[Statement, ...]:
    parsed = _without_outer_transaction(parse(text, file=file), file)
    return _classified(parsed, which_commit([(raw.sql, raw.tree) for raw in parsed]))


def split_check(text: str, *, file: str) -> tuple[Statement, ...]:
    """Return the statements of a check or a benchmark. Transaction control is refused. Raises as `split` does."""
    parsed = parse(text, file=file)
    for raw in parsed:
        if _is_transaction_control(raw):
            raise TransactionControlError(file, raw.line, summary_of(raw.sql), _REMEDY_CHECK)
    return _classified(parsed, [False] * len(parsed))


def segments(statements: Iterable[Statement]) -> tuple[Segment, ...]:
    """Group statements into segments: one that cannot run in a transaction stands alone, those in between run in one."""
    groups: list[list[Statement]] = []
    for statement in statements:
        if groups and statement.transactional and groups[-1][-1].transactional:
            groups[-1].append(statement)
        else:
            groups.append([statement])
    return tuple(Segment(number, tuple(group), group[0].transactional) for number, group in enumerate(groups, start=1))


def _statement(ordinal: int, raw: RawStatement, *, commits: bool) -> Statement:
    return Statement(
        ordinal=ordinal,
        sql=raw.sql,
        line=raw.line,
        kind=kind_of(raw.tree),
        transactional=runs_in_transaction(raw.tree) and not commits,
        locks=lock_claims(raw.tree),
        opaque=is_opaque(raw.tree),
        unseen=changes_unseen(raw.tree),
        writes_rows=writes_rows(raw.tree),
        session_state=changes_session(raw.tree),
        commits=commits,
        may_exist_before=_may_exist_before(raw),
        concurrent=concurrent_index(raw.tree),
        creates=created_objects(raw.tree),
        drops=dropped_objects(raw.tree),
        summary=summary_of(raw.sql),
        brief=raw.brief,
    )


def _is_transaction_control(raw: RawStatement) -> bool:
    return type_and_fields(raw.tree)[0] == "TransactionStmt"


def _without_outer_transaction(parsed: tuple[RawStatement, ...], file: str) -> tuple[RawStatement, ...]:
    inner = parsed[1:-1] if _encloses(parsed) else parsed
    enclosed = inner is not parsed
    by_itself = which_commit([(raw.sql, raw.tree) for raw in inner])
    if controls := [raw for raw in inner if _is_transaction_control(raw)]:
        raise TransactionControlError(file, controls[0].line, summary_of(controls[0].sql), _instead_of(controls))
    for raw, commits in zip(inner, by_itself, strict=True):
        if enclosed and (commits or not runs_in_transaction(raw.tree)):
            remedy = f"remove it and its end: {kind_of(raw.tree)} in line {raw.line} cannot run in a transaction"
            raise TransactionControlError(file, parsed[0].line, summary_of(parsed[0].sql), remedy)
    if not inner:
        raise TransactionControlError(
            file, parsed[0].line, summary_of(parsed[0].sql), "there is nothing between it and its end"
        )
    return inner


def _instead_of(controls: Sequence[RawStatement]) -> str:
    """What to do about all of these statements: one message names each."""
    remedy = _REMEDY
    if len(controls) > 1:
        lines = [str(raw.line) for raw in controls[1:]]
        remedy += f" (and {'those in lines' if len(lines) > 1 else 'the one in line'} {', '.join(lines)})"
    if any(text(type_and_fields(raw.tree)[1].get("kind")).startswith("TRANS_STMT_ROLLBACK") for raw in controls):
        remedy += "; remove with it what a rollback takes back"
    if len(controls) > 2:
        remedy += "; a setting for only one of these transactions, as by `set local`, needs a file of its own"
    return remedy


def _encloses(parsed: tuple[RawStatement, ...]) -> bool:
    return len(parsed) > 1 and _plain(parsed[0]) in {"BEGIN", "START"} and _plain(parsed[-1]) == "COMMIT"


def _plain(raw: RawStatement) -> str:
    """The kind of a transaction statement without options; empty for any other."""
    name, stmt = type_and_fields(raw.tree)
    if name != "TransactionStmt" or stmt.get("options") or stmt.get("chain"):
        return ""
    return text(stmt.get("kind")).removeprefix("TRANS_STMT_")


def _classified(parsed: tuple[RawStatement, ...], by_itself: Sequence[bool]) -> tuple[Statement, ...]:
    """Classify each. Locks on relations that the same transaction created are left out: nobody else sees them yet."""
    new: set[str] = set()
    result: list[Statement] = []
    for number, (raw, commits) in enumerate(zip(parsed, by_itself, strict=True), start=1):
        statement = _statement(number, raw, commits=commits)
        if not statement.transactional or statement.session_state or statement.opaque:
            # Either they are committed and visible to others, or the search_path, and so what a name means, may differ now.
            new.clear()
        kept = tuple(claim for claim in statement.locks if claim.relation not in new)
        result.append(replace(statement, locks=kept))
        if not statement.may_exist_before:
            new.update(created.name for created in statement.creates if created.kind in _RELATION_KINDS)
    return tuple(result)


def _may_exist_before(raw: RawStatement) -> bool:
    _, stmt = type_and_fields(raw.tree)
    return bool(stmt.get("replace") or stmt.get("if_not_exists") or fields(stmt.get("base")).get("if_not_exists"))
