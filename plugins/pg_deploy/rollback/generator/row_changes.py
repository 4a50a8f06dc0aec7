"""What a migration did to rows, read from its text: the catalog shows nothing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from pg_deploy.catalog.names import Identity, Key, identity_of, made, parsed, part_of
from pg_deploy.catalog.reach import reached
from pg_deploy.catalog.reader import Facts
from pg_deploy.parsing.splitting import parse
from pg_deploy.parsing.statements import Statement, split
from pg_deploy.parsing.tree import Fields, fields, items, text, type_and_fields
from pg_deploy.postgres.quoting import identifier
from pg_deploy.rollback.generator.draft import Draft, Phase, Refusal, heirs_of
from pg_deploy.rollback.generator.inserted_rows import deletes_of, rows_of

_COUNTED_AS = {
    "InsertStmt": frozenset({"inserted", "updated"}),
    # A row that moves to another partition is deleted and inserted.
    "UpdateStmt": frozenset({"updated", "deleted"}),
    "DeleteStmt": frozenset({"deleted"}),
    "MergeStmt": frozenset({"inserted", "updated", "deleted"}),
}


RowsWritten = Mapping[str, Mapping[str, int]]
"""By table, as `schema.name`: how many rows were "inserted", "updated" and "deleted", without zeros."""


@dataclass(frozen=True)
class Named:
    """The tables that a text may name: those `there` before it, those there `now`; and where their rows are counted."""

    there: AbstractSet[Key] = frozenset()
    now: AbstractSet[Key] = frozenset()
    counted_at: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    """For a table that is the same before and after, without rules: where its rows are counted, itself, partitions and heirs."""
    older: frozenset[str] = frozenset()
    """As `schema.name`: where rows of tables that were there are counted, whatever these are called by now."""

    @cached_property
    def counted(self) -> frozenset[str]:
        """The tables of which every written row is counted: not those of pg_cron, and none if a foreign table may be a partition."""
        known = self.there | self.now
        if any(kind == "foreign table" for kind, _ in known):
            return frozenset()
        return frozenset(key[1] for key in known if key[0] == "table" and identity_of(key).schema != "cron")


def tables_named(before: Facts, after: Facts | None) -> Named:
    """What a migration that led from `before` to `after` may name. Pure."""
    tables = {key for key in before.by_key if key[0] == "table"}
    if after is None:
        return Named(before.by_key.keys(), older=frozenset(identity_of(key).plain for key in tables))
    was = before.objects.addresses if before.objects is not None else {}
    now = after.objects.addresses if after.objects is not None else {}
    addresses = {was[key] for key in tables & was.keys()}
    older = {key for key in tables if key not in now} | {key for key, address in now.items() if address in addresses}
    both = [*before.facts, *after.facts]
    ruled: set[str] = {fact.identity.relation for fact in both if fact.kind == "rule"}
    heirs = heirs_of(both)
    counted_at = {}
    for key, address in was.items():
        if key[0] == "table" and now.get(key) == address:
            family = reached([key[1]], lambda table: heirs.get(table, ()))
            if not family & ruled:
                counted_at[key] = frozenset(parsed("table", each).plain for each in family)
    return Named(
        before.by_key.keys(), after.by_key.keys(), counted_at, frozenset(identity_of(key).plain for key in older)
    )


NOTHING = Named()


@dataclass(frozen=True)
class RowChange:
    """A statement of the migration that writes rows which no rollback of the catalog brings back."""

    line: int
    summary: str
    table: str
    statement: Fields = field(default_factory=dict, compare=False, repr=False)
    """The parsed statement if it inserts, else nothing."""
    counted_as: frozenset[str] | None = None
    """What the server may count for a changed row: "inserted", "updated", "deleted"; None if the counts do not tell."""
    is_compared: bool = False
    """Whether it writes values anew which only a comparison of all values can tell to be the same."""
    is_of_new: bool = False
    """Whether it writes only columns that the migration made."""
    counted_at: frozenset[str] | None = None
    """The tables, as `schema.name`, where it is counted; None: it may be any."""

    def counted(self, rows_written: RowsWritten) -> frozenset[str]:
        """Which of those the transactions of the whole migration counted in the tables of this statement."""
        tables = rows_written.keys() if self.counted_at is None else self.counted_at & rows_written.keys()
        return frozenset(verb for table in tables for verb in rows_written[table]) & (self.counted_as or frozenset())

    def may_count(self, table: str, verbs: Iterable[str]) -> frozenset[str]:
        """Which of these verbs may be counted in that table, as `schema.name`, for this statement."""
        is_there = self.counted_at is None or table in self.counted_at
        return frozenset(verbs if self.counted_as is None else self.counted_as & {*verbs}) if is_there else frozenset()

    def changed_rows(self, rows_written: RowsWritten | None) -> bool:
        """Whether it may have changed a row."""
        return rows_written is None or self.counted_as is None or bool(self.counted(rows_written))


def read_row_changes(sql: str, named: Named = NOTHING) -> tuple[RowChange, ...]:
    """The statements that write rows of tables and columns which the migration did not make.

    If the file sets its search_path, a bare name means the one table of that name that was there. If a name was there before
    and was also made, it is the new table's from the statement that made it on.
    """
    found = _changes(split(sql, file="migration"), set(named.now - named.there), set(named.there), named)
    return tuple(change for change in found if not (change.is_compared or change.is_of_new))


def find_unnamed(sql: str, named: Named, rows_written: RowsWritten | None) -> dict[str, str]:
    """By table that was there, as `schema.name`: what was counted in it that no statement of the text writes. Pure.

    A function, a trigger, a cascade or a block wrote it: which rows, and whether a rollback brings them back, nothing tells.
    """
    found = _changes(split(sql, file="migration"), set(named.now - named.there), set(named.there), named)
    found = tuple(change for change in found if not change.is_compared)
    unnamed = {}
    for table in sorted(named.older & (rows_written or {}).keys()):
        by_verb = (rows_written or {})[table]
        verbs = by_verb.keys() - {verb for change in found for verb in change.may_count(table, by_verb)}
        if verbs:
            unnamed[table] = " and ".join(f"{by_verb[verb]:,} {verb}" for verb in sorted(verbs))
    return unnamed


def _changes(statements: Sequence[Statement], made: set[Key], there: set[Key], named: Named) -> tuple[RowChange, ...]:
    tables = {identity_of(key) for key in (*there, *made) if key[0] == "table"}
    new = _NewNames(made, there)
    found = []
    for statement in statements:
        (raw,) = parse(statement.brief, file="migration")
        name, stmt = type_and_fields(raw.tree)
        if not statement.writes_rows:
            found += [
                RowChange(statement.line, statement.summary, written, is_compared=True)
                for written in _find_compared(name, stmt, new)
            ]
            new.read(name, stmt)
            continue
        if name == "TruncateStmt" and stmt.get("behavior") != "DROP_CASCADE":
            emptied = [_name(fields(each.get("RangeVar"))) for each in items(stmt.get("relations"))]
            left = [each for each in emptied if ("table", each) not in new]
            found += [RowChange(statement.line, statement.summary, each) for each in left]
            continue
        target = fields(stmt.get("relation"))
        table = _name(target)
        alike = [each for each in tables if each.name == identifier(text(target.get("relname")))]
        if not text(target.get("schemaname")) and table not in tables and len(alike) == 1:
            table = alike[0]
        if ("table", table) in new:
            continue
        columns = (
            [text(fields(each.get("ResTarget")).get("name")) for each in items(stmt.get("targetList"))]
            if name == "UpdateStmt"
            else []
        )
        is_of_new = bool(columns) and all(("column", part_of(table, identifier(column))) in new for column in columns)
        inserts = stmt if name == "InsertStmt" else {}
        counted = None if stmt.get("withClause") or table not in named.counted else _COUNTED_AS.get(name)
        at = named.counted_at.get(("table", table))
        found.append(
            RowChange(statement.line, statement.summary, table, inserts, counted, counted_at=at, is_of_new=is_of_new)
        )
    return tuple(found)


def _find_compared(kind: str, stmt: Fields, new: _NewNames) -> Iterator[str]:
    """The tables whose values ALTER rewrites by an expression that is no cast, and the types of which it drops an attribute."""
    if kind != "AlterTableStmt":
        return
    of = _name(stmt.get("relation"))
    for command in (fields(each.get("AlterTableCmd")) for each in items(stmt.get("cmds"))):
        column = ("column", part_of(of, identifier(text(command.get("name")))))
        using, using_fields = type_and_fields(fields(fields(command.get("def")).get("ColumnDef")).get("raw_default"))
        if using == "TypeCast":
            using, using_fields = type_and_fields(using_fields.get("arg"))
        if command.get("subtype") == "AT_AlterColumnType" and using not in ("", "ColumnRef"):
            if ("table", of) not in new and column not in new:
                yield of
        elif command.get("subtype") == "AT_DropColumn" and stmt.get("objtype") == "OBJECT_TYPE":
            yield of


class _NewNames:
    """The tables and columns that a text made up to a point, by the names that they have there."""

    def __init__(self, made: set[Key], there: set[Key]) -> None:
        self.made, self.there = made, there
        self.created: set[Key] = set()

    def __contains__(self, key: Key) -> bool:
        return key in self.created or (key in self.made and key not in self.there)

    def read(self, kind: str, stmt: Fields) -> None:
        """Follow what a statement makes, renames or moves."""
        if kind == "CreateStmt":
            self._create(("table", _name(stmt.get("relation"))), bool(stmt.get("if_not_exists")))
        elif kind == "CreateTableAsStmt":
            self._create(("table", _name(fields(stmt.get("into")).get("rel"))), bool(stmt.get("if_not_exists")))
        elif kind == "AlterTableStmt":
            for command in (fields(each.get("AlterTableCmd")) for each in items(stmt.get("cmds"))):
                if command.get("subtype") == "AT_AddColumn":
                    column = text(fields(fields(command.get("def")).get("ColumnDef")).get("colname"))
                    key = ("column", part_of(_name(stmt.get("relation")), identifier(column)))
                    self._create(key, bool(command.get("missing_ok")))
        elif kind == "RenameStmt" and stmt.get("renameType") in ("OBJECT_TABLE", "OBJECT_COLUMN"):
            table, called = _name(stmt.get("relation")), identifier(text(stmt.get("newname")))
            if stmt["renameType"] == "OBJECT_TABLE":
                self._rename_table(table, table.with_name(called))
            elif (column_key := ("column", part_of(table, identifier(text(stmt.get("subname")))))) in self.created:
                self.created.remove(column_key)
                self.created.add(("column", part_of(table, called)))
        elif kind == "AlterObjectSchemaStmt" and stmt.get("objectType") == "OBJECT_TABLE":
            table = _name(stmt.get("relation"))
            self._rename_table(table, table.with_schema(identifier(text(stmt.get("newschema")))))

    def _create(self, key: Key, if_not_exists: bool) -> None:
        if not if_not_exists or key not in self.there:
            self.created.add(key)

    def _rename_table(self, old: Identity, new: Identity) -> None:
        """Rename what was made, and the columns of a table with it."""
        tables = {key for key in self.created if key == ("table", old)}
        columns = {key for key in self.created if identity_of(key).relation == old}
        self.created -= tables | columns
        self.created |= {("table", new) for _ in tables} | {("column", identity_of(key).on(new)) for key in columns}


def add_row_refusals(draft: Draft, sql: str, named: Named, undone_later: AbstractSet[Key] = frozenset()) -> None:
    """Refuse what changed rows that cannot be brought back, delete what was inserted, and remark on what cannot be read."""
    statements = split(sql, file="migration")
    found = _changes(statements, draft.gone | undone_later, draft.before.keys() - undone_later, named)
    changes = [change for change in found if not change.is_of_new]
    by_values = _tables_written_by_values(changes, draft.rows_written)
    # What is undone later takes its rows along. The rows inserted last may need those inserted before.
    for change in reversed(changes):
        if change.is_compared:
            if not draft.compared and _has_values(change.table, draft):
                reason = f"line {change.line} writes its values anew, or drops some: {change.summary}"
                draft.refusals.add(Refusal(f"values of {change.table}", reason))
            continue
        met_none = change.table in by_values and bool(change.statement) and not rows_of(change.statement)
        if met_none or not change.changed_rows(draft.rows_written):
            draft.remarks.append(f"line {change.line} met no row in the rehearsal: {change.summary}")
            continue
        deletes = deletes_of(change.table, change.statement, draft) if draft.compared else ()
        if deletes:
            draft.add(Phase.ROWS_OFF, *deletes)
            draft.remarks.append(
                f"the rows that line {change.line} inserted are deleted, as far as they are as it wrote them"
            )
            continue
        draft.refusals.add(
            Refusal(f"rows of {change.table or 'tables'}", f"line {change.line} changed them: {change.summary}")
        )
    if not draft.compared:
        _refuse_unnamed(draft, sql, named, statements, undone_later)
    for statement in statements:
        if is_unread(statement) and "cron." not in statement.sql:
            draft.remarks.append(f"what line {statement.line} did to rows cannot be read from it: {statement.summary}")


def _refuse_unnamed(
    draft: Draft, sql: str, named: Named, statements: Sequence[Statement], undone_later: AbstractSet[Key]
) -> None:
    """Refuse what code of the text wrote, or may have written uncounted; nobody compares values, so nothing tells what it was."""
    for statement in statements:
        if statement.commits:
            reason = f"line {statement.line} commits by itself, so nobody counted what it wrote: {statement.summary}"
            draft.refusals.add(Refusal("rows of tables", reason))
    if not any(statement.writes_rows or is_unread(statement) for statement in statements):
        # What writes then is an event trigger, which keeps its own account of all DDL.
        return
    later = {identity_of(key).plain for key in undone_later}
    for table, counted in find_unnamed(sql, named, draft.rows_written).items():
        if table not in later:
            draft.refusals.add(Refusal(f"rows of {table}", f"{counted}, which no statement of the text names"))


def is_unread(statement: Statement) -> bool:
    """Whether its text does not show which rows it writes. Pure."""
    return statement.kind in ("do", "call", "execute") or (statement.opaque and statement.kind == "select")


def _tables_written_by_values(changes: Sequence[RowChange], rows_written: RowsWritten | None) -> frozenset[str]:
    """The tables in which `insert … values` inserted all rows that were counted: any other insert there met no row."""
    listed: Counter[str] = Counter()
    for change in changes:
        if not change.is_compared and not change.statement.get("onConflictClause"):
            listed[change.table] += len(rows_of(change.statement))
    return frozenset(
        change.table
        for change in changes
        if change.counted_at and len(change.counted_at) == 1
        for each in change.counted_at
        if (rows_written or {}).get(each) == {"inserted": listed[change.table]}
    )


def _has_values(name: str, draft: Draft) -> bool:
    """Whether values may exist: of a table always, of a type if a column has it."""
    if ("type", name) not in draft.before:
        return True
    types = [str(fact.properties.get("type", "")) for key, fact in draft.before.items() if key[0] == "column"]
    return any(each.removesuffix("[]") == name for each in types)


def _name(range_var: object) -> Identity:
    content = fields(range_var)
    schema, name = text(content.get("schemaname")) or "public", text(content.get("relname"))
    return made("table", identifier(schema), identifier(name)) if name else made("table", "", "")
