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
from pg_deploy.access.predicates.reach import Relation, read_relations
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
    """What the user may do with the row; `steps` are the reasons, in order.

    An outcome is `yes`, `no`, an error, or `it depends on the row` if no row was given.
    """

    user: str
    table: str
    outcomes: dict[str, str]
    steps: tuple[str, ...]

    @property
    def text(self) -> str:
        """The outcomes and the steps, for a terminal or a message."""
        outcomes = ", ".join(f"{command}: {outcome}" for command, outcome in self.outcomes.items())
        return "\n".join([f'{self.user or "nobody"} and "{self.table}": {outcomes}', *self.steps])


def explain_access(
    connection: Connection,
    *,
    user: str | None,
    table: str,
    row: str | None = None,
    new_row: dict[str, object] | None = None,
    role: str | None = None,
    api: Api = SUPABASE,
    other_deciders: bool = True,
) -> Explanation:
    """Explain access to a row, given by the text of its primary key, or to a `new_row` to be inserted.

    With `other_deciders` it also names what decides and is no grant or policy. `user` None asks without claims; `role`
    defaults to the one that users act as. The connection sees every row, may become the role, and is in autocommit.
    Raises NothingToExplainError if table or row is not found.
    """
    role = role or api.signed_in
    connection.execute("begin transaction isolation level repeatable read, read only")
    try:
        connection.execute("set local search_path = ''; set local statement_timeout = '15s'")
        relation = _relation(connection, table, api)
        policies = read_policies(connection, api, (role,))
        claimed = claims(api, user) if user else ""
        contents = json.dumps(new_row) if new_row is not None else _row_as_json(connection, relation, row)
        phases: Sequence[Phase] = ("insert",) if new_row is not None else [p for p in PHASES if p != "insert"]
        steps = list(_explain_role(connection, relation, role, user, api))
        outcomes: dict[str, str] = {}
        for phase in phases:
            found = effective(relation, policies, phase, role)
            outcome, reasons = _explain_phase(
                connection, api, relation, policies, phase, role, claimed, found, contents
            )
            outcomes[PHASE_WORDS[phase]] = outcome
            steps += reasons
        facts = read_facts_in_transaction(connection)
        if user:
            steps += _memberships(connection, user, facts)
        if other_deciders:
            steps += describe_other_deciders(facts, _name_in_facts(relation), role)
            steps += _buckets(connection, relation)
        return Explanation(f"user {user}" if user else role, relation.full_name, outcomes, tuple(steps))
    finally:
        if not connection.closed:
            connection.execute("rollback")


def explain_difference(
    connection: Connection, api: Api, difference: RowDifference, *, when: str = "as it is now"
) -> list[str]:
    """Explain one difference, for its first subject and row, in this database; empty if nothing can be said.

    The connection is as for explain_access().
    """
    if not difference.keys or not difference.subjects:
        return []
    try:
        explanation = explain_access(
            connection,
            user=difference.user,
            table=difference.table,
            row=difference.keys[0],
            role=difference.role,
            api=api,
            other_deciders=False,
        )
    except (NothingToExplainError, psycopg.Error):
        return []
    return [f'row {difference.keys[0]} of "{difference.table}", {when}:', *explanation.text.splitlines()]


def _name_in_facts(relation: Relation) -> str:
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
    for relation in read_relations(connection, api, everything=True):
        if relation.name == name and relation.schema == (schema or "public"):
            return relation
    raise NothingToExplainError(f'table "{table}"')


def _row_as_json(connection: Connection, relation: Relation, row: str | None) -> str | None:
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


def _explain_role(connection: Connection, relation: Relation, role: str, user: str | None, api: Api) -> Iterator[str]:
    """Who asks, the role's grants, and whether row level security holds it back."""
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


def _explain_phase(
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
    """The outcome for a phase of a command, and the steps: what each policy says, and each part of one that does not say yes."""
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
            for part in _connected_parts(clause):
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


def _connected_parts(clause: str) -> list[str]:
    """The parts of a clause that AND or OR connects."""
    tree = parse_predicate(clause)
    if isinstance(tree, ast.BoolExpr) and tree.boolop != enums.BoolExprType.NOT_EXPR:
        return [printed(part) for part in tree.args or ()]
    return []


def _memberships(connection: Connection, user: str, facts: Facts) -> Iterator[str]:
    """The rows of look-up tables that name the user."""
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
