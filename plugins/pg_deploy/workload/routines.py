"""The routines of a database whose bodies name objects: what the catalog says of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pg_deploy.parsing.tree import quoted
from pg_deploy.postgres.quoting import in_full, literal
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.workload.plpgsql_text import ARGUMENT

_POLYMORPHIC = {
    "anyarray": "integer[]", "anycompatiblearray": "integer[]", "anyrange": "int4range", "anycompatiblerange": "int4range",
    "anymultirange": "int4multirange", "anycompatiblemultirange": "int4multirange", "anyelement": "integer",
    "anycompatible": "integer", "anynonarray": "integer", "anycompatiblenonarray": "integer", "anyenum": "integer",
}  # fmt: skip
"""What a type stands for that a call decides, as the server itself takes it when it compiles a body without a call."""
_IN_TRIGGER = {
    "name": ("tg_name", "tg_table_schema", "tg_table_name", "tg_relname"), "text": ("tg_when", "tg_level", "tg_op"),
    "oid": ("tg_relid",), "int4": ("tg_nargs",), "text[]": ("tg_argv",),
}  # fmt: skip


@dataclass(frozen=True)
class TriggerTable:
    """A table that a trigger function works for; `transition` are the names of its tables of old and of new rows, "" for none."""

    oid: int
    name: str
    transition: tuple[str, str]


@dataclass(frozen=True)
class Routine:
    """A function or procedure in SQL or PL/pgSQL, in the words of the catalog. `tables` are those it is a trigger of."""

    oid: int
    kind: str
    schema: str
    name: str
    identity_arguments: str
    language: str
    source: str
    result: str
    returns_set: bool
    settings: dict[str, str]
    types: tuple[str, ...]
    names: tuple[str, ...]
    modes: tuple[str, ...]
    definition_hash: str
    tables: tuple[TriggerTable, ...]

    @property
    def full_name(self) -> str:
        """The name with its schema, quoted where it must be."""
        return quoted(self.schema, self.name)

    @property
    def printed(self) -> str:
        """What it is called: `function public.f(integer)`."""
        return f"{self.kind} {self.full_name}({self.identity_arguments})"

    @property
    def is_polymorphic(self) -> bool:
        """Whether a call decides the type of an argument."""
        return any(kind in _POLYMORPHIC for kind in self.types)

    def arguments(self) -> Iterator[tuple[str, str, str]]:
        """Mode, name and type of each argument and result column; the name may be empty."""
        for place, kind in enumerate(self.types):
            mode = self.modes[place] if self.modes else "i"
            name = self.names[place] if place < len(self.names) else ""
            yield mode, name, _POLYMORPHIC.get(kind, kind)

    def declared(self, table: TriggerTable | None) -> list[str]:
        """Declarations of what the body may name: arguments, and what a trigger is told."""
        lines, number = [], 0
        for mode, name, kind in self.arguments():
            number += mode != "t"
            plain = in_full(name) if name else f"{ARGUMENT}{number}"
            lines += [f"{plain} {kind};"]
            lines += [f"{ARGUMENT}{number} alias for {plain};"] if name and mode != "t" else []
        if self.result == "trigger":
            row = table.name if table else "record"
            lines += [f"new {row}; old {row};"]
            lines += [f"{name} pg_catalog.{kind};" for kind, names in _IN_TRIGGER.items() for name in names]
        elif self.result == "event_trigger":
            lines.append("tg_event pg_catalog.text; tg_tag pg_catalog.text;")
        return lines

    def with_plain_types(self, name: str) -> str:
        """A statement that makes a function in SQL with this body under another name, for calls with plain types."""
        kinds = {"i": "in", "o": "out", "b": "inout", "v": "variadic"}
        given = [
            f"{kinds[mode]} {in_full(each) if each else ''} {kind}"
            for mode, each, kind in self.arguments()
            if mode != "t"
        ]
        columns = [f"{in_full(each)} {kind}" for mode, each, kind in self.arguments() if mode == "t"]
        result = f"{'setof ' if self.returns_set else ''}{_POLYMORPHIC.get(self.result, self.result)}"
        returns = f"table ({', '.join(columns)})" if columns else result
        made = f"create {self.kind} {name}({', '.join(given)})"
        return (
            f"{made}{'' if self.kind == 'procedure' else f' returns {returns}'} language sql as {literal(self.source)}"
        )

    @property
    def rows(self) -> str:
        """What it returns rows of, to stand behind RETURNS; "" if it returns none or their columns are not known."""
        if not self.returns_set:
            return ""
        columns = [(name, kind) for mode, name, kind in self.arguments() if mode in "obt"]
        if self.result != "record":
            return f"setof {_POLYMORPHIC.get(self.result, self.result)}"
        listed = ", ".join(f"deploy_column_{place} {kind}" for place, (_, kind) in enumerate(columns))
        return f"table ({listed})" if columns else ""


def read_routines(connection: Connection) -> list[Routine]:
    """All of them, but those of extensions. Reads only; the session's search_path must be empty."""
    return [_routine(*row) for row in connection.execute(engine_sql("workload/bodies"))]


def _routine(*row: Any) -> Routine:
    *given, settings, types, names, modes, digest, tables = row
    lists: list[Any] = [tuple(each) for each in (types, names, modes)]
    on = tuple(TriggerTable(oid, name, (old, new)) for oid, name, (old, new) in tables)
    return Routine(*given, *[dict(setting.split("=", 1) for setting in settings), *lists, digest, on])
