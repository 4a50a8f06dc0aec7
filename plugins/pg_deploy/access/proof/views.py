"""Views and materialized views whose closure differs, as everybody who may read them reads them."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.cross_check import read_as, text_digest_query
from pg_deploy.access.engines.engine_by_impersonation import Answer
from pg_deploy.access.facts.api import Api
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.access.predicates.reach import Relation, read_columns
from pg_deploy.access.predicates.shown_columns import Source, sources_of_columns
from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.access.predicates.surroundings import unsteady_reason
from pg_deploy.access.proof.drilldown import SHOWN, RowDifference
from pg_deploy.catalog.switches import is_on
from pg_deploy.postgres.quoting import in_quotes, many, quote
from pg_deploy.postgres.sql_files import engine_sql

VIEW_S = 8.0
"""How long one subject may read one view, in seconds: as long as the API lets a statement run."""
_CHANGING = re.compile(
    r"\b(now|clock_timestamp|random|age|txid_current|pg_stat\w*|pg_\w+_size|current_database|statement_timestamp)\s*\("
    r"|\bcurrent_(date|time|timestamp)\b|\bCURRENT_TIMESTAMP\b|pg_stat_",
    re.IGNORECASE,
)

_NOT_FILLED = "55000"
"""Also of a view that reads a materialized view which no REFRESH has filled yet."""


@dataclass(frozen=True)
class _Gain:
    subject: Subject
    was: Answer
    now: Answer

    @property
    def direction(self) -> str:
        if self.was.error or self.now.error:
            return "gained" if self.was.error and not self.now.error else "changed"
        more = self.now.allowed - self.was.allowed
        return "gained" if more > 0 else "lost" if more < 0 else "changed"


def view_differences(
    old: Side,
    new: Side,
    api: Api,
    names: Collection[str],
    subjects: Sequence[Subject],
    *,
    seconds: float,
    moved: Collection[str],
    defined: Collection[str],
) -> tuple[list[RowDifference], list[Unsettled], int]:
    """What these subjects read of these views on both sides; what could not be asked, and how many answers were compared.

    A column that came is a difference for whoever could not read what it shows; else columns that only one side has are left
    out. Views of `moved` read rows that the migration wrote: other contents are then
    no other access, but where they are `defined` otherwise as well, nobody can tell.
    """
    found: list[RowDifference] = []
    unread: list[Unsettled] = []
    asked = 0
    deadline = time.monotonic() + seconds
    for name in sorted(names):
        before, after = old.relations.get(name), new.relations.get(name)
        if before is None or after is None or before.is_table or after.is_table:
            continue
        found += _new_columns(old, new, api, before, after)
        counted = _changes_by_itself(old, new, before) or (name in moved and name not in defined)
        query = _query(old, new, before, after, counted=counted)
        reading = [s for s in subjects if all(_may_read(relation, s.role) for relation in (before, after))]
        differing: dict[tuple[str, str], list[_Gain]] = {}
        shown = False
        for number, subject in enumerate(reading):
            if time.monotonic() > deadline:
                unread.append(Unsettled(name, f"only {number} of {len(reading)} subjects read it in {seconds:g} s"))
                break
            was = read_as(old.session(subject.never), api, subject, query, seconds=VIEW_S)
            now = read_as(new.session(subject.never), api, subject, query, seconds=VIEW_S)
            if was is None or now is None:
                unread.append(
                    Unsettled(name, f"view takes over {VIEW_S:g} s to be read: what it shows was not compared")
                )
                break
            asked += 1
            shown = shown or was.allowed > 0 or now.allowed > 0
            if (was.error or "")[:5] != (now.error or "")[:5] or (not was.error and was != now):
                gain = _Gain(subject, was, now)
                if name in moved and gain.direction == "changed" and not (was.error or now.error):
                    reason = "it is defined otherwise, and shows rows that the migration wrote: as many as before, and others"
                    unread.append(Unsettled(name, reason))
                    break
                differing.setdefault((subject.role, gain.direction), []).append(gain)
        texts = [side.definitions.unsteady(_definition(side, one)) for side, one in ((old, before), (new, after))]
        if name in defined and texts[0] != texts[1]:
            unread.append(Unsettled(name, f"it is defined otherwise: {unsteady_reason(texts[0] ^ texts[1])}"))
        if reading and not shown and not differing and _definition(old, before) != _definition(new, after):
            unread.append(Unsettled(name, "it is defined otherwise, and shows nobody a row: nothing was compared"))
        found += [
            _difference(name, role, direction, gains, len(reading)) for (role, direction), gains in differing.items()
        ]
    return found, unread, asked


def _may_read(relation: Relation, role: str) -> bool:
    rights = relation.rights.get(role, {})
    return bool(rights.get("select") and rights.get("schema"))


def _query(old: Side, new: Side, before: Relation, after: Relation, *, counted: bool) -> str:
    if counted:
        return f"select count(*), 0::bigint, 0::bigint from {before.quoted}"
    there = read_columns(new.connection, after)
    shared = [name for name in read_columns(old.connection, before) if name in there]
    return text_digest_query(before, f"row({', '.join('t.' + quote(name) for name in shared)})::text")


def _changes_by_itself(old: Side, new: Side, relation: Relation) -> bool:
    """Whether a view shows the clock or the server's own figures: other contents then mean nothing."""
    return any(_CHANGING.search(_definition(side, relation)) for side in (old, new))


def _definition(side: Side, relation: Relation) -> str:
    """What a view says; nothing if it cannot be asked."""
    try:
        row = side.connection.execute("select pg_get_viewdef(%s::regclass)", [relation.quoted]).fetchone()
    except psycopg.Error:
        return ""
    return str(row[0]) if row and row[0] else ""


def _new_columns(old: Side, new: Side, api: Api, before: Relation, after: Relation) -> list[RowDifference]:
    """Columns that the view did not have and that show something of before: each is a gain for the roles that could not read it."""
    came = [name for name in read_columns(new.connection, after) if name not in read_columns(old.connection, before)]
    if not came or _asks_with_own_rights(new, after):
        return []
    has = sources_of_columns(_definition(new, after))
    known = frozenset().union(*sources_of_columns(_definition(old, before), as_they_are=True).values())
    found = []
    for role in api.roles:
        if not all(_may_read(relation, role) for relation in (before, after)):
            continue
        gained = [
            name
            for name in came
            if (sources := has.get(name)) is None
            or any(
                source not in known and not _is_new(old, new, source) and not _is_readable(old, source, role)
                for source in sources
            )
        ]
        if gained:
            found.append(_columns_gained(before.full_name, role, gained))
    return found


def _asks_with_own_rights(side: Side, view: Relation) -> bool:
    row = side.connection.execute(
        "select coalesce(c.reloptions::text[], '{}') from pg_catalog.pg_class c where c.oid = %s", [view.id]
    ).fetchone()
    return bool(row and is_on(row[0], "security_invoker"))


def _is_new(old: Side, new: Side, source: Source) -> bool:
    """Whether it is a table's column that came; what a view's new column shows may have been there."""
    row = new.connection.execute(
        "select relkind in ('r', 'p') from pg_catalog.pg_class where oid = to_regclass(%s)", [source[0]]
    ).fetchone()
    there = old.connection.execute(
        "select from pg_catalog.pg_attribute where attrelid = to_regclass(%s) and attname = %s", [*source]
    ).fetchone()
    return bool(row and row[0]) and there is None


def _is_readable(side: Side, source: Source, role: str) -> bool:
    values = {"relation": source[0], "column": source[1], "role": role}
    row = side.connection.execute(engine_sql("access/readable_column"), values).fetchone()
    return bool(row and row[0])


def _columns_gained(name: str, role: str, columns: Sequence[str]) -> RowDifference:
    named = ", ".join(map(in_quotes, columns))
    return RowDifference(
        table=name,
        role=role,
        commands=("select",),
        direction="gained",
        subjects=(role,),
        how_many=1,
        rows=0,
        keys=(),
        because=(),
        sentence=f"{role} can now read {named} in view {in_quotes(name)}, which it had not shown",
    )


def _answer(answer: Answer) -> str:
    if (answer.error or "").startswith(_NOT_FILLED):
        return "not filled"
    return answer.error or f"{answer.allowed} rows"


def _difference(name: str, role: str, direction: str, gains: list[_Gain], of: int) -> RowDifference:
    first = gains[0]
    if first.now.error or first.was.error:
        got, had = (_answer(answer) for answer in (first.now, first.was))
        what = f"now get {got} of view {in_quotes(name)}, where it was {had}"
    elif direction == "changed":
        what = f"can read other rows of view {in_quotes(name)} than before, {first.now.allowed} as then"
    else:
        what = f"can now read {first.now.allowed} rows of view {in_quotes(name)}, where it was {first.was.allowed}"
    return RowDifference(
        table=name,
        role=role,
        commands=("select",),
        direction=direction,
        subjects=tuple(gain.subject.label for gain in gains[:SHOWN]),
        how_many=len(gains),
        rows=abs(first.now.allowed - first.was.allowed),
        keys=(),
        because=(),
        sentence=f"{many(first.subject.label, role, len(gains))} {what} ({len(gains)} of {of} who may read it)",
    )
