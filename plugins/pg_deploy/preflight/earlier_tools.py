"""The first run against a database: which other tools keep a history of migrations in it, and what follows from that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pg_deploy.ledger import schema
from pg_deploy.postgres.session import Connection, aborted_transaction
from pg_deploy.preflight.server.queries import rows

_SUPABASE_CLI = "the Supabase CLI"
"""Its history is ours too."""
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class EarlierTool:
    """A table in which another tool keeps its history. `entries` is how many rows it has; None if they cannot be read."""

    tool: str
    relation: str
    entries: int | None

    @property
    def is_shared(self) -> bool:
        """Whether that history counts here as well."""
        return self.tool == _SUPABASE_CLI

    @property
    def sentence(self) -> str:
        """Where its history is, and how long."""
        count = "not readable" if self.entries is None else f"{self.entries} row{'s' if self.entries != 1 else ''}"
        return f"{self.tool} keeps a history in {self.relation} ({count})"


@dataclass(frozen=True)
class Origin:
    """What a database held before our first run: the histories of other tools, and how many other tables."""

    tools: tuple[EarlierTool, ...]
    tables: int


def read_origin(connection: Connection) -> Origin | None:
    """The origin of a database that has no ledger yet; None if it has one. Reads only."""
    if schema.exists(connection):
        return None
    found = rows(connection, "earlier_tools")
    tools = tuple(
        EarlierTool(
            each["tool"],
            f"{each['schema']}.{each['relation']}",
            _count_rows(connection, each["schema"], each["relation"]) if each["readable"] else None,
        )
        for each in found
        if each["tool"] is not None
    )
    return Origin(tools, found[0]["tables"])


def log_origin(origin: Origin | None, baseline: str, log: logging.Logger) -> None:
    """Log what was found and what to do about it. `baseline` is the DAG that adopts. If this is not the first run, nothing is logged."""
    if origin is None:
        return
    log.info("the first run against this database: it has no ledger yet")
    shared = [each for each in origin.tools if each.is_shared]
    for each in shared:
        log.info(
            "%s. It counts here: versions of this folder that it holds are not run again, and what is deployed here is recorded there",
            each.sentence,
        )
    others = [each for each in origin.tools if not each.is_shared]
    for each in others:
        log.warning("%s. It is not read here: what it applied counts as pending", each.sentence)
    if others:
        log.warning(
            "if migrations of this folder are in place already, adopt them first: trigger %s with up_to, the newest of them. From then on "
            "let one tool alone change this database",
            baseline,
        )
    elif origin.tables and not any(each.entries for each in shared):
        log.warning(
            "no tool's history was found, and %d table%s: if migrations of this folder are in place already, by psql or by hand, adopt "
            "them first: trigger %s with up_to, the newest of them",
            origin.tables,
            "s" if origin.tables != 1 else "",
            baseline,
        )
    elif not origin.tools:
        log.info("no tool's history was found, and no table: everything in the folder is run")


def _count_rows(connection: Connection, schema_name: str, relation: str) -> int | None:
    """How many rows the table has; None if that cannot be learnt at once, because its tool holds it or a policy refuses."""
    count = sql.SQL("select count(*) from {}").format(sql.Identifier(schema_name, relation))
    try:
        with aborted_transaction(connection, timeout_s=_PATIENCE_S, lock_timeout_s=_PATIENCE_S):
            row: Sequence[int] | None = connection.execute(count).fetchone()
    except psycopg.Error:
        if connection.closed:
            raise
        return None
    return row[0] if row else None
