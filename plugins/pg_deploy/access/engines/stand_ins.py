"""Stand-ins: the rows of a looked-up table that no condition can tell apart, with all their tuples counted once.

"The conversation is one of a domain of mine" is asked of a million messages' conversations for each subject, although
the answer depends on the conversation's domain alone. A stand-in has one row for each domain, with the number and the
digests of the tuples that point to its conversations; the real predicate, as the real role, is asked of that. It has the
table's name, owner and policies, in a schema of its own, so that PostgreSQL itself still decides who sees which row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import psycopg
from psycopg.rows import dict_row

from pg_deploy.access.engines.compared_sides import Side, read_by_policies
from pg_deploy.access.engines.single_lookups import Lookup, find_lookup
from pg_deploy.access.engines.universe import Universe
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.inline import Owned
from pg_deploy.access.predicates.reach import Relation, read_columns, read_relations, read_unique_keys
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import parse_predicate
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.sql_files import engine_sql

SMALLEST = 2_000
"""Tuples of a universe below which a stand-in is not worth its making."""
GAIN = 4
"""How many tuples a row of a stand-in must hold, on average."""
_COUNT, _FIRST, _SECOND = "access_proof_n", "access_proof_h1", "access_proof_h2"


@dataclass
class StandIns:
    """One side's stand-ins. `owned` names the views of inlined bodies; `made` how many schemas there are."""

    side: Side
    api: Api
    owned: Mapping[str, Owned]
    made: int = 0
    _found: dict[object, str | None] = field(default_factory=dict)

    @cached_property
    def _keys(self) -> Mapping[str, list[list[str]]]:
        return read_unique_keys(self.side.connection)

    @cached_property
    def _relations(self) -> Mapping[tuple[str, str], Relation]:
        found = read_relations(self.side.connection, self.api, everything=True)
        return {(relation.schema, relation.name): relation for relation in found}

    def digest(self, universe: Universe, alternative: str, source: str) -> str | None:
        """A query for the digest (count and two hashes) of the tuples that `alternative` allows, by way of a stand-in.

        None if the alternative is no single look-up by a unique key, or a stand-in would not save anything.
        """
        lookup = find_lookup(parse_predicate(alternative))
        if lookup is None or universe.tuples < SMALLEST:
            return None
        view = self.owned.get(lookup.table) if lookup.schema == "access_proof" else None
        schema, table, owner = (view.schema, view.table, view.owner) if view else (lookup.schema, lookup.table, None)
        relation = self._relations.get((schema, table))
        if relation is None or relation.kind != "r" or not relation.plain:
            return None
        wanted = self._columns(relation, lookup, universe)
        if wanted is None:
            return None
        key = (source, relation.id, lookup.column, lookup.key, wanted, owner)
        if key not in self._found:
            self._found[key] = self._make(universe, source, relation, lookup, wanted, owner)
        name = self._found[key]
        if name is None:
            return None
        # It reads no row: with it PostgreSQL judges the rights on the real table, and the recursion of its policies.
        listed = ", ".join(f"r.{quote(column)}" for column in (lookup.key, *wanted))
        real = f"not exists (select {listed} from {quote(lookup.schema, lookup.table)} r where false)"
        return (
            f"select coalesce(sum({quote(lookup.alias)}.{_COUNT}), 0)::bigint,"
            f" coalesce(bit_xor({quote(lookup.alias)}.{_FIRST}), 0), coalesce(bit_xor({quote(lookup.alias)}.{_SECOND}), 0)"
            f" from {name} as {quote(lookup.alias)} where {real} and ({printed(lookup.condition)})"
        )

    def _columns(self, relation: Relation, lookup: Lookup, universe: Universe) -> tuple[str, ...] | None:
        """The columns of the table that decide whether a row of it is found, or None if a stand-in cannot hold them."""
        if [lookup.key] not in self._keys.get(relation.quoted, []):
            return None
        found = read_columns(self.side.connection, relation)
        decisive = set(lookup.reads)
        if relation.secured:
            decisive |= read_by_policies(self.side.policies, relation, found)
        types = {column.name: column.type for column in universe.columns}
        if lookup.key in decisive or types.get(lookup.column) != found[lookup.key].type:
            return None
        if not all(name in found and found[name].exact for name in (*decisive, lookup.key)):
            return None
        return tuple(sorted(decisive))

    def _make(
        self,
        universe: Universe,
        source: str,
        relation: Relation,
        lookup: Lookup,
        wanted: Sequence[str],
        owner: str | None,
    ) -> str | None:
        connection = self.side.connection
        self.made += 1
        schema = stand_in_schema(self.made)
        name = quote(schema, relation.name)
        listed = "".join(f"t.{quote(column)}, " for column in wanted)
        connection.execute(
            f"drop schema if exists {schema} cascade; create schema {schema};"
            f" create unlogged table {name} as select {listed}count(*) as {_COUNT}, bit_xor(q.h1) as {_FIRST},"
            f" bit_xor(q.h2) as {_SECOND} from {relation.quoted} t join {source} q"
            f" on q.{quote(lookup.column)} = t.{quote(lookup.key)}"
            f" group by {', '.join(str(place + 1) for place in range(len(wanted))) or '()'}".encode()
        )
        row = connection.execute(f"select count(*) from {name}".encode()).fetchone()
        if row is None or row[0] * GAIN > universe.tuples:
            connection.execute(f"drop schema {schema} cascade".encode())
            return None
        for column in wanted:
            connection.execute(f"create index on {name} ({quote(column)})".encode())
        connection.execute(f"vacuum (analyze) {name}".encode())
        try:
            self._secure(name, relation)
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            connection.execute(f"drop schema {schema} cascade".encode())
            return None
        connection.execute(f"grant usage on schema {schema} to public; grant select on {name} to public".encode())
        if owner is None:
            return name
        view = quote(schema, "access_proof_owned")
        connection.execute(
            f"create view {view} as select * from {name}; alter view {view} owner to {quote(owner)};"
            f" grant select on {view} to public".encode()
        )
        return view

    def _secure(self, name: str, relation: Relation) -> None:
        """Give the stand-in the table's owner and policies. Raises psycopg.Error if a policy cannot be made on it."""
        connection = self.side.connection
        if relation.secured:
            with connection.cursor(row_factory=dict_row) as cursor:
                policies = cursor.execute(engine_sql("access/select_policies"), {"relation": relation.id}).fetchall()
            for policy in policies:
                connection.execute(
                    f"create policy {quote(policy['name'])} on {name}"
                    f" as {'permissive' if policy['permissive'] else 'restrictive'} for select"
                    f" to {', '.join(policy['roles'])} using ({policy['using']})".encode()
                )
            connection.execute(
                f"alter table {name} enable row level security,"
                f" {'' if relation.forced else 'no '}force row level security".encode()
            )
        connection.execute(f"alter table {name} owner to {quote(relation.owner)}".encode())


def stand_in_schema(number: int) -> str:
    """The schema of a side's stand-in, counted from one."""
    return f"access_proof_{number}"
