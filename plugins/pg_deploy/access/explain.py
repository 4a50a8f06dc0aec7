"""May this user touch this row, and which policies, grants and memberships say so, step by step. Reads only.

`make explain-access USER=ID TABLE=public.t ROW=KEY` asks the demo target, or the database of TARGET_URL.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from pg_deploy.access.engines.cross_check import acting_as
from pg_deploy.access.errors import NothingToExplainError
from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.access.facts.other_deciders import describe_other_deciders
from pg_deploy.access.predicates.predicates import (
    PHASE_WORDS,
    PHASES,
    Effective,
    Phase,
    Policy,
    effective,
    read_policies,
)
from pg_deploy.access.predicates.reach import Relation, reachable
from pg_deploy.access.predicates.subjects import claims
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.sampling.sample_context import key_text, lookup_tables
from pg_deploy.catalog.reader import Facts, read_facts_in_transaction
from pg_deploy.errors import PgDeployError
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import parse_predicate
from pg_deploy.parsing.tree import quoted
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection, Target

SHOWN = 10


@dataclass(frozen=True)
class Explanation:
    """What the user may do with the row; `steps` are the reasons, in order. An outcome is `yes`, `no` or an error."""

    user: str
    table: str
    outcomes: dict[str, str]
    steps: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, for a terminal or a message."""
        told = [f"{command}: {outcome}" for command, outcome in self.outcomes.items()]
        return "\n".join([f'{self.user or "nobody"} and "{self.table}": ' + ", ".join(told), *self.steps])


def explain_access(
    connection: Connection,
    *,
    user: str | None,
    table: str,
    row: str | None = None,
    new_row: dict[str, object] | None = None,
    role: str | None = None,
    api: Api = SUPABASE,
    besides: bool = True,
) -> Explanation:
    """Explain a row by its primary key's text, or a `new_row` to be inserted.

    With `besides` it also names what decides and is no grant or policy. `user` None asks without claims; `role` defaults
    to the one that users act as. The connection is one that sees every row and may become the role, in autocommit.
    Raises NothingToExplainError if table or row is not found.
    """
    role = role or api.signed_in
    connection.execute("begin transaction isolation level repeatable read, read only")
    try:
        connection.execute("set local search_path = ''; set local statement_timeout = '15s'")
        relation = _relation(connection, table, api)
        policies = read_policies(connection, api, (role,))
        claimed = claims(api, user) if user else ""
        contents = json.dumps(new_row) if new_row is not None else _contents(connection, relation, row)
        phases: Sequence[Phase] = ("insert",) if new_row is not None else [p for p in PHASES if p != "insert"]
        steps = list(_about(connection, relation, role, user, api))
        outcomes: dict[str, str] = {}
        for phase in phases:
            found = effective(relation, policies, phase, role)
            outcome, reasons = _phase(connection, api, relation, policies, phase, role, claimed, found, contents)
            outcomes[PHASE_WORDS[phase]] = outcome
            steps += reasons
        facts = read_facts_in_transaction(connection)
        if user:
            steps += _memberships(connection, user, facts)
        if besides:
            steps += describe_other_deciders(facts, _written(relation), role)
            steps += _buckets(connection, relation)
        return Explanation(f"user {user}" if user else role, relation.full_name, outcomes, tuple(steps))
    finally:
        if not connection.closed:
            connection.execute("rollback")


def explain_difference(
    connection: Connection, api: Api, difference: RowDifference, *, when: str = "as it is now"
) -> list[str]:
    """The steps behind one difference, for its first subject and row, in this database; empty if nothing can be told.

    The connection is as for explain_access().
    """
    if not difference.keys or not difference.subjects:
        return []
    try:
        told = explain_access(
            connection,
            user=difference.user,
            table=difference.table,
            row=difference.keys[0],
            role=difference.role,
            api=api,
            besides=False,
        )
    except (NothingToExplainError, psycopg.Error):
        return []
    return [f'row {difference.keys[0]} of "{difference.table}", {when}:', *told.text.splitlines()]


def _written(relation: Relation) -> str:
    """A relation's name as the catalog's facts write it."""
    return ".".join(quoted(part) for part in (relation.schema, relation.name))


def _buckets(connection: Connection, relation: Relation) -> Iterator[str]:
    """Public buckets: the storage service serves their files to everybody."""
    if relation.full_name != "storage.objects":
        return
    for (name,) in connection.execute("select id::text from storage.buckets where public order by 1").fetchall():
        yield f'bucket "{name}" is public: its objects are served to everybody who knows an address, whatever policies say'


def _relation(connection: Connection, table: str, api: Api) -> Relation:
    schema, _, name = table.rpartition(".")
    everything = reachable(connection, api, everything=True)
    for relation in everything:
        if relation.name == name and relation.schema == (schema or "public"):
            return relation
    raise NothingToExplainError(f'table "{table}"')


def _contents(connection: Connection, relation: Relation, row: str | None) -> str | None:
    if row is None:
        return None
    if not relation.key:
        raise NothingToExplainError(f'a primary key of "{relation.full_name}"')
    found = connection.execute(
        f"select to_jsonb(t)::text from {relation.quoted} t where {key_text(relation)} = %s".encode(), [row]
    ).fetchone()
    if found is None:
        raise NothingToExplainError(f'row "{row}" of "{relation.full_name}"')
    return str(found[0])


def _about(connection: Connection, relation: Relation, role: str, user: str | None, api: Api) -> Iterator[str]:
    if user:
        known = connection.execute(f"select from ({api.users}) u (id) where id = %s".encode(), [user]).fetchone()
        yield f"the request runs as role {role}; its claims name user {user}, who {'exists' if known is not None else 'does not exist'}"
    else:
        yield f"the request runs as role {role}, without claims"
    member_of = connection.execute(
        "select coalesce(string_agg(r.rolname, ', ' order by r.rolname), '') from pg_catalog.pg_roles r"
        " where r.rolname <> %s and pg_has_role(%s, r.oid, 'usage')",
        [role, role],
    ).fetchone()
    if member_of and member_of[0]:
        yield f"{role} is a member of {member_of[0]}, and has their grants and policies"
    rights = relation.rights.get(role, {})
    if not rights.get("schema"):
        yield f'no grant: {role} may not use schema "{relation.schema}"'
    granted = [command for command in ("select", "insert", "update", "delete") if rights.get(command)]
    yield f'grants of {role} on "{relation.full_name}": {", ".join(granted) or "none"}'
    if rights.get("free"):
        yield f"{role} bypasses row level security"
    elif rights.get("owns") and not relation.forced:
        yield f"{role} owns the table, and row level security is not forced on owners"
    elif relation.is_table:
        yield f'row level security of "{relation.full_name}" is {"on" if relation.secured else "off: every row is open"}'


def _phase(
    connection: Connection,
    api: Api,
    relation: Relation,
    policies: Sequence[Policy],
    phase: Phase,
    role: str,
    claimed: str,
    found: Effective,
    contents: str | None,
) -> tuple[str, list[str]]:
    word = PHASE_WORDS[phase]
    if found.kind == "denied":
        return "no", [f"{word}: no, the grant is missing"]
    if found.kind == "every row":
        return "yes", [f"{word}: yes, no policy applies"]
    if not found.permissive:
        return "no", [f"{word}: no, no permissive policy speaks of {role}"]
    if contents is None:
        return "it depends on the row", [f"{word}: by policies {', '.join(found.by)}"]
    steps = []
    for policy in policies:
        clause = policy.clause(phase)
        if policy.relation != relation.id or policy.name not in found.by or clause is None or role not in policy.roles:
            continue
        if policy.command not in ("*", {"select": "r", "insert": "a", "delete": "d"}.get(phase, "w")):
            continue
        answer = _evaluate(connection, api, relation, clause, role, claimed, contents)
        kind = "" if policy.permissive else "restrictive "
        steps.append(f'{word}: {kind}policy "{policy.name}" says {answer}: {" ".join(clause.split())}')
        if answer != "yes":
            for part in _parts(clause):
                steps.append(f"    {_evaluate(connection, api, relation, part, role, claimed, contents)}: {part}")
    outcome = _evaluate(connection, api, relation, found.text, role, claimed, contents)
    return outcome, [f"{word}: {outcome}", *(f"  {step}" for step in steps)]


def _evaluate(
    connection: Connection, api: Api, relation: Relation, clause: str, role: str, claimed: str, contents: str
) -> str:
    query = (
        f"select coalesce(({clause.replace('%', '%%')}), false) from"
        f" pg_catalog.jsonb_populate_record(null::{relation.quoted}, %s::jsonb) as {quote(relation.name)}"
    )
    with acting_as(connection, api, role, claimed, is_copy=False):
        try:
            with connection.transaction():
                row = connection.execute(query.encode(), [contents]).fetchone()
        except psycopg.Error as error:
            return f"error {error.sqlstate}: {str(error).splitlines()[0]}"
    return "yes" if row and row[0] else "no"


def _parts(clause: str) -> list[str]:
    tree = parse_predicate(clause)
    if isinstance(tree, ast.BoolExpr) and tree.boolop != enums.BoolExprType.NOT_EXPR:
        return [printed(part) for part in tree.args or ()]
    return []


def _memberships(connection: Connection, user: str, facts: Facts) -> Iterator[str]:
    for schema, name in lookup_tables(connection, facts):
        columns = connection.execute(
            "select attname::text from pg_catalog.pg_attribute where attrelid = format('%%I.%%I', %s::text, %s::text)::regclass"
            " and attnum > 0 and not attisdropped and atttypid in ('uuid'::regtype, 'text'::regtype)"
            " and attname ~ '(user|owner|member|author|profile)'",
            [schema, name],
        ).fetchall()
        for (column,) in columns:
            rows = connection.execute(
                f"select left(to_jsonb(t)::text, 300) from {quote(schema, name)} t"
                f" where t.{quote(column)}::text = %s limit {SHOWN}".encode(),
                [user],
            ).fetchall()
            if not rows:
                yield f'"{schema}.{name}" has no row whose {column} is the user'
            for (text,) in rows:
                yield f'"{schema}.{name}" has, by {column}: {text}'


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; prints the explanation. Returns 0, or 2 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="explain-access", description="Why a user may or may not touch a row.")
    parser.add_argument(
        "--user", default=os.environ.get("EXPLAIN_USER"), help="the user's id; without it nobody is signed in"
    )
    parser.add_argument("--table", default=os.environ.get("EXPLAIN_TABLE"), help="schema.table")
    parser.add_argument(
        "--row",
        default=os.environ.get("EXPLAIN_ROW"),
        help="the row's primary key, or a new row as a JSON object: an insert",
    )
    parser.add_argument("--role", default=os.environ.get("EXPLAIN_ROLE"), help="the role of the request, e.g. anon")
    given = parser.parse_args(arguments)
    url = os.environ.get("TARGET_URL", "")
    if not url:
        sys.stderr.write("TARGET_URL is not set: give the database's URL there\n")
        return 2
    if not given.table:
        sys.stderr.write("no table is named: make explain-access USER=… TABLE=public.orders ROW=…\n")
        return 2
    try:
        new_row = json.loads(given.row) if (given.row or "").lstrip().startswith("{") else None
        with Target("target", url).session("explain access") as connection:
            explanation = explain_access(
                connection,
                user=given.user or None,
                table=given.table,
                row=None if new_row is not None else given.row or None,
                new_row=new_row,
                role=given.role or None,
            )
    except (PgDeployError, json.JSONDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(explanation.text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
