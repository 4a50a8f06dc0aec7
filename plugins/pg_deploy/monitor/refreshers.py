"""Which views a job refreshes: what its command and all that it calls say, as the job's own role would resolve the names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import dict_row

from pg_deploy.monitor.commands import Named, Said, read_body, read_command, split_path
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

# Calls within calls; deeper than that nobody could follow either.
_DEPTH = 8
_NAME = re.compile(r'(?:(?:"((?:[^"]|"")+)"|([\w$]+))\s*\.\s*)?(?:"((?:[^"]|"")+)"|([\w$]+))')


@dataclass(frozen=True)
class Refreshes:
    """The views, by oid, that a job refreshes.

    `surely` stand in its SQL. `perhaps` are named in SQL that is put together at run time, in the order of its text;
    `anything` says that such SQL names none, so that it may be each view. `in_parts`: it commits between them.
    """

    surely: frozenset[int] = frozenset()
    perhaps: tuple[int, ...] = ()
    anything: bool = False
    in_parts: bool = False


@dataclass(frozen=True)
class Names:
    """How names are resolved: the views' oids by schema and name, and the search path of each role."""

    views: Mapping[tuple[str, str], int]
    paths: Mapping[str, tuple[str, ...]]

    def view(self, schema: str, name: str, path: Sequence[str]) -> int | None:
        """The oid of the view of that name, or None."""
        schemas = (schema,) if schema else path
        return next((self.views[each, name] for each in schemas if (each, name) in self.views), None)


@dataclass
class Routines:
    """The bodies of routines by name, read in one query for each level of calls."""

    connection: Connection
    by_name: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    said: dict[int, Said] = field(default_factory=dict)

    def read(self, names: Iterable[str]) -> None:
        """Read those that are not known yet. Reads only."""
        missing = sorted(set(names) - self.by_name.keys())
        if not missing:
            return
        self.by_name.update({name: [] for name in missing})
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(engine_sql("monitor/views/routines"), {"names": missing}).fetchall()
        for row in rows:
            self.by_name[row["name"]].append(row)

    def called(self, schema: str, name: str, given: int | None, path: Sequence[str]) -> list[Mapping[str, Any]]:
        """The routines that such a call may mean: overloads with as many arguments, in the first schema that has one."""
        fitting = [row for row in self.by_name.get(name, ()) if given is None or row["least"] <= given <= row["most"]]
        for each in (schema,) if schema else path:
            found = [row for row in fitting if row["schema"] == each]
            if found:
                return found
        return []

    def body(self, row: Mapping[str, Any]) -> Said:
        """What its body says, read once."""
        if row["oid"] not in self.said:
            self.said[row["oid"]] = read_body(row["language"], row["body"], row["definition"] or "")
        return self.said[row["oid"]]


def refreshed_by(command: str, role: str, names: Names, routines: Routines) -> Refreshes:
    """What a command of that role refreshes. Reads only."""
    path = names.paths.get(role, ("public",))
    surely: set[int] = set()
    perhaps: dict[int, None] = {}
    anything = in_parts = False
    level: list[tuple[Said, tuple[str, ...]]] = [(read_command(command), path)]
    seen: set[int] = set()
    for _ in range(_DEPTH):
        routines.read(each.name for said, _ in level for each in said.calls)
        below: list[tuple[Said, tuple[str, ...]]] = []
        for said, outer in level:

            def at(named: Named, outer: tuple[str, ...] = outer) -> tuple[str, ...]:
                return outer if named.path is None else _of_role(named.path, role)

            for each in said.refreshes:
                oid = names.view(each.schema, each.name, at(each))
                if oid is not None:
                    surely.add(oid)
            in_parts = in_parts or said.commits
            if said.builds:
                here = at(Named("", "", said.search_path))
                named = [oid for text in said.constants for oid in _named(text, names, here)]
                perhaps.update(dict.fromkeys(named))
                anything = anything or not named
            for call in said.calls:
                here = at(call)
                for row in routines.called(call.schema, call.name, call.given, here):
                    if row["oid"] not in seen:
                        seen.add(row["oid"])
                        below.append((routines.body(row), _path_of(row, here)))
        level = below
        if not level:
            break
    return Refreshes(frozenset(surely), tuple(oid for oid in perhaps if oid not in surely), anything, in_parts)


def _named(text: str, names: Names, path: Sequence[str]) -> list[int]:
    """The views that a text names, in its order; within a longer text only with their schema before them."""
    found = []
    for part in re.split(r"[{},]", text):
        whole = _NAME.fullmatch(part.strip())
        for match in [whole] if whole else _NAME.finditer(part):
            schema = (match[1] or (match[2] or "").lower()).replace('""', '"')
            name = (match[3] or match[4].lower()).replace('""', '"')
            oid = names.view(schema, name, path) if whole or schema else None
            if oid is not None:
                found.append(oid)
    return found


def _path_of(row: Mapping[str, Any], outer: tuple[str, ...]) -> tuple[str, ...]:
    for setting in row["settings"] or ():
        name, _, value = setting.partition("=")
        if name == "search_path":
            return _of_role(split_path(value), str(row["owner"]))
    return outer


def _of_role(path: Sequence[str], role: str) -> tuple[str, ...]:
    return tuple(role if each == "$user" else each for each in path)


def path_of_role(value: str, role: str) -> tuple[str, ...]:
    """A role's search_path as the schemas that it names."""
    return _of_role(split_path(value), role)
