"""Rows that the server refuses since the migration, though it prepares the statement: a value is missing, or a new rule judges them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pg_deploy.catalog.dependencies import function_of_trigger, text_of, words_of
from pg_deploy.catalog.diff import Difference
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.parsing.tree import quoted
from pg_deploy.workload.asking import Form
from pg_deploy.workload.new_rules import judged_anew, labels_gone
from pg_deploy.workload.row_rights import RowRights
from pg_deploy.workload.rows_written import WrittenRow, rows_written
from pg_deploy.workload.trigger_rights import BlockedWrite, WriteOfRole, blocked_by_triggers
from pg_deploy.workload.writable_views import Table, WritableView, table_of, writable_views


@dataclass(frozen=True)
class MissingRight:
    """What a role may not use or write: a sentence, the object, and the line that would allow it, "" if one line is not enough."""

    sentence: str
    object_name: str
    remedy: str = ""


@dataclass(frozen=True)
class NewDemands:
    """What the tables ask of a new row since the migration and did not before.

    `required` are columns that need a value and get none by themselves; `judged` are tables with a new check, key or unique index,
    each with a sentence; `columns` are those of every relation, in their order; `views` are those through which another relation is
    written; `rights` are what is kept from roles now; `blocked` are the writes whose trigger may not do what it does; `labels` are
    what enum types no longer have.
    """

    required: Mapping[Table, tuple[str, ...]]
    judged: Mapping[Table, str]
    columns: Mapping[Table, tuple[str, ...]]
    views: Mapping[Table, WritableView] = field(default_factory=dict)
    rights: RowRights = field(default=RowRights())
    blocked: Mapping[WriteOfRole, BlockedWrite] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def left_out(self, form: Form, role: str) -> tuple[Table, tuple[str, ...]] | None:
        """The table of an insert and the columns that it leaves out and that are required now; None if there are none."""
        for _, target, given in self._inserts(form, role):
            missing = tuple(each for each in self.required.get(target, ()) if given is not None and each not in given)
            if missing:
                return target, missing
        return None

    def missing_right(self, form: Form, role: str) -> MissingRight | None:
        """What the role may not use or write now, when it sends an insert; None if it may do all of it."""
        for named, target, given in self._inserts(form, role):
            for (sender, table, column), sequence in self.rights.sequences.items():
                if (sender, table) == (role, target) and given is not None and column not in given:
                    said = f"takes {column} of {'.'.join(target)} from {sequence}, which {role} may not use"
                    return MissingRight(said, sequence, f"grant usage on sequence {sequence} to {quoted(role)};")
            # Through a view it is the view's owner whose policies are asked.
            if named == target and (role, target) in self.rights.closed:
                plain = ".".join(target)
                said = f"writes a row into {plain}, and row level security has no policy that lets {role} do so"
                return MissingRight(said, plain)
        blocked = self._blocked(form, role, certain=True)
        return None if blocked is None else MissingRight(blocked[0], ".".join(blocked[1].target))

    def _blocked(self, form: Form, role: str, *, certain: bool) -> tuple[str, BlockedWrite] | None:
        """The first trigger that may not do what it does when the statement fires it, in words."""
        for table, written in self._writes(form, role):
            target, _ = self._through_views(table, None)
            found = self.blocked.get((role, target, "INSERT" if written.is_insert else "UPDATE"))
            if found is not None and found.is_certain == certain:
                said = f"fires {found.function}() of {'.'.join(target)}, which inserts into {'.'.join(found.target)}"
                return f"{said}, and {role} may not", found
        return None

    def judge(self, form: Form, role: str) -> str | None:
        """What may refuse a row that the statement writes, in a sentence; None if nothing new does."""
        targets = (self._through_views(table, None)[0] for table, _ in self._writes(form, role))
        said = next((self.judged[target] for target in targets if target in self.judged), None)
        if said is not None:
            return f"writes rows that are judged anew: {said}"
        blocked = self._blocked(form, role, certain=False)
        return blocked[0] if blocked else None

    def label_gone(self, parameters: Iterable[str]) -> str | None:
        """Which label may be missing to a statement with parameters of these types, in a sentence; None if none may."""
        for number, name in enumerate(parameters, start=1):
            gone = self.labels.get(name.removesuffix("[]"), ())
            if gone:
                return f"${number} is of {name}, which has {', '.join(gone)} no longer: such a value is refused"
        return None

    def _inserts(self, form: Form, role: str) -> Iterator[tuple[Table, Table, tuple[str, ...] | None]]:
        """For each insert: the relation that it names, the table that is written in the end, and which columns get a value."""
        for table, written in self._writes(form, role):
            if written.is_insert:
                yield table, *self._through_views(table, written.given_columns(self.columns.get(table, ())))

    def _writes(self, form: Form, role: str) -> Iterator[tuple[Table, WrittenRow]]:
        for written in rows_written(form.text):
            table = written.find_relation(form.path, role, self.columns)
            if table is not None:
                yield table, written

    def _through_views(self, table: Table, given: tuple[str, ...] | None) -> tuple[Table, tuple[str, ...] | None]:
        """The table that is written in the end, and which of its columns get a value."""
        while table in self.views:
            shown = self.views[table]
            table, given = shown.table, None if given is None else shown.columns_of((*given, *shown.filled))
        return table, given


_ALL_RIGHTS = (RowRights(), RowRights())


def new_demands(
    found: Difference, before: Facts, after: Facts, rights: tuple[RowRights, RowRights] = _ALL_RIGHTS
) -> NewDemands:
    """What a migration that made this difference asks of rows to come. `rights` are what was and is kept from roles. Pure."""
    required: dict[Table, tuple[str, ...]] = {}
    filling = _filling_triggers(after)
    needed_before = _needing_value(before)
    for key, fact in _needing_value(after).items() if found else ():
        table, name = table_of(fact), fact.identity.plain_name
        if key not in needed_before and name not in filling.get(table, ()):
            required[table] = (*required.get(table, ()), name)
    columns = _columns(after)
    was_blocked = blocked_by_triggers(before, rights[0].unwritable, _columns(before))
    blocked = {
        write: trigger
        for write, trigger in blocked_by_triggers(after, rights[1].unwritable, columns).items()
        if write not in was_blocked
    }
    return NewDemands(
        required,
        judged_anew(found, after),
        columns,
        writable_views(after),
        rights[1].new_since(rights[0]),
        blocked,
        labels_gone(found),
    )


def _needing_value(facts: Facts) -> dict[object, Fact]:
    """The columns that must have a value and get none by themselves, also if a domain says so."""
    domains = {
        ".".join(fact.identity.parts): fact.properties
        for fact in facts.facts
        if fact.kind == "type" and "domain over" in fact.properties
    }
    needing: dict[object, Fact] = {}
    for fact in facts.facts:
        if fact.kind != "column":
            continue
        given = fact.properties
        domain = domains.get(str(given.get("type", "")), {})
        fills_itself = any(given.get(each) for each in ("default", "identity", "generated"))
        if (given.get("not null") or domain.get("not null")) and not (fills_itself or domain.get("default value")):
            needing[fact.key] = fact
    return needing


def _filling_triggers(facts: Facts) -> dict[Table, frozenset[str]]:
    """By table the words of the functions that fire before an insert: such a function may fill a column that it names."""
    functions = {fact.identity.plain: words_of(text_of(fact)) for fact in facts.facts if fact.kind == "function"}
    found: dict[Table, frozenset[str]] = {}
    for fact in facts.facts:
        definition = str(fact.properties.get("definition", ""))
        if fact.kind == "trigger" and " BEFORE " in definition and "INSERT" in definition:
            called = function_of_trigger(definition)
            named = functions.get(called.plain, frozenset()) if called else frozenset()
            found[table_of(fact)] = found.get(table_of(fact), frozenset()) | named
    return found


def _columns(facts: Facts) -> dict[Table, tuple[str, ...]]:
    found: dict[Table, list[tuple[int, str]]] = {}
    for fact in facts.facts:
        if fact.kind == "column":
            place = int(str(fact.properties.get("position", 0)))
            found.setdefault(table_of(fact), []).append((place, fact.identity.plain_name))
    return {table: tuple(name for _, name in sorted(columns)) for table, columns in found.items()}
