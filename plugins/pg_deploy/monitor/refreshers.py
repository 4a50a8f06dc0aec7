"""Which views a job refreshes, by its command and all that it calls. Names are resolved as the job's own role resolves them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import dict_row

from pg_deploy.monitor.commands import SqlContents, WrittenName, read_body, read_command, split_path
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

# So many calls within calls are followed.
_DEPTH = 8
_NAME = re.compile(r'(?:(?:"((?:[^"]|"")+)"|([\w$]+))\s*\.\s*)?(?:"((?:[^"]|"")+)"|([\w$]+))')


@dataclass(frozen=True)
class Refreshes:
    """The views that a job refreshes, by oid.

    The views of `surely` are named in its own SQL. Those of `perhaps` are named in SQL that is put together at run time, in the order
    of its text. `anything` says that such SQL names no view, so that it may refresh any. `in_parts` says that it commits between refreshes.
    """

    surely: frozenset[int] = frozenset()
    perhaps: tuple[int, ...] = ()
    anything: bool = False
    in_parts: bool = False


@dataclass(frozen=True)
class ViewNames:
    """What it takes to resolve names: the views' oids by schema and name, and the search path of each role, `$user` as it is written."""

    views: Mapping[tuple[str, str], int]
    paths: Mapping[str, tuple[str, ...]]

    def find(self, schema: str, name: str, path: Sequence[str]) -> int | None:
        """The oid of the view that this name means on this search path, or None."""
        schemas = (schema,) if schema else path
        return next((self.views[each, name] for each in schemas if (each, name) in self.views), None)


@dataclass
class Routines:
    """Routines by name, read in one query for each level of calls, and what their bodies do by oid."""

    connection: Connection
    by_name: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    contents: dict[int, SqlContents] = field(default_factory=dict)

    def read(self, names: Iterable[str]) -> None:
        """Read the routines of these names that are not known yet. Reads only."""
        missing = sorted(set(names) - self.by_name.keys())
        if not missing:
            return
        self.by_name.update({name: [] for name in missing})
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(engine_sql("monitor/views/routines"), {"names": missing}).fetchall()
        for row in rows:
            self.by_name[row["name"]].append(row)

    def called(self, schema: str, name: str, given: int | None, path: Sequence[str]) -> list[Mapping[str, Any]]:
        """The routines that a call may mean: those that take as many arguments, in the first schema of `path` that has one."""
        fitting = [row for row in self.by_name.get(name, ()) if given is None or row["least"] <= given <= row["most"]]
        for each in (schema,) if schema else path:
            in_schema = [row for row in fitting if row["schema"] == each]
            if in_schema:
                return in_schema
        return []

    def body(self, row: Mapping[str, Any]) -> SqlContents:
        """What a routine's body does. Each is parsed once."""
        if row["oid"] not in self.contents:
            self.contents[row["oid"]] = read_body(row["language"], row["body"], row["definition"] or "")
        return self.contents[row["oid"]]


def find_refreshes(command: str, role: str, names: ViewNames, routines: Routines) -> Refreshes:
    """The views that a command of that role refreshes. Reads only."""
    path = names.paths.get(role, ("public",))
    surely: set[int] = set()
    perhaps: dict[int, None] = {}
    anything = in_parts = False
    # What is said, the search_path there, and who runs it: `$user` is another role in a routine of SECURITY DEFINER.
    level: list[tuple[SqlContents, tuple[str, ...], str]] = [(read_command(command), path, role)]
    seen: set[int] = set()
    for _ in range(_DEPTH):
        routines.read(each.name for contents, _, _ in level for each in contents.calls)
        below: list[tuple[SqlContents, tuple[str, ...], str]] = []
        for contents, outer, user in level:

            def path_at(named: WrittenName, outer: tuple[str, ...] = outer) -> tuple[str, ...]:
                return outer if named.path is None else tuple(named.path)

            for each in contents.refreshes:
                oid = names.find(each.schema, each.name, _with_user(path_at(each), user))
                if oid is not None:
                    surely.add(oid)
            in_parts = in_parts or contents.commits
            if contents.builds_a_refresh:
                here = _with_user(path_at(WrittenName("", "", contents.search_path)), user)
                named = [oid for text in contents.constants for oid in _views_named_in(text, names, here)]
                perhaps.update(dict.fromkeys(named))
                anything = anything or not named
            for call in contents.calls:
                here = path_at(call)
                for row in routines.called(call.schema, call.name, call.given, _with_user(here, user)):
                    if row["oid"] not in seen:
                        seen.add(row["oid"])
                        below.append((routines.body(row), _path_inside(row, here), row["definer"] or user))
        level = below
        if not level:
            break
    return Refreshes(frozenset(surely), tuple(oid for oid in perhaps if oid not in surely), anything, in_parts)


def _views_named_in(text: str, names: ViewNames, path: Sequence[str]) -> list[int]:
    """The views that a text names, in its order. A name without its schema counts only if it is the whole text, or one of a list."""
    oids = []
    for part in re.split(r"[{},]", text):
        whole = _NAME.fullmatch(part.strip())
        for match in [whole] if whole else _NAME.finditer(part):
            schema = (match[1] or (match[2] or "").lower()).replace('""', '"')
            name = (match[3] or match[4].lower()).replace('""', '"')
            oid = names.find(schema, name, path) if whole or schema else None
            if oid is not None:
                oids.append(oid)
    return oids


def _path_inside(row: Mapping[str, Any], outer: tuple[str, ...]) -> tuple[str, ...]:
    """The search_path while a routine runs: its own setting, or that of its caller."""
    for setting in row["settings"] or ():
        name, _, value = setting.partition("=")
        if name == "search_path":
            return split_path(value)
    return outer


def _with_user(path: Sequence[str], role: str) -> tuple[str, ...]:
    """The path with the role in the place of `$user`."""
    return tuple(role if each == "$user" else each for each in path)
