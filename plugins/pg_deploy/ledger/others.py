"""What the ledgers of other projects in the same database know: their versions, and what their deployments changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from pg_deploy.catalog.reader import Facts
from pg_deploy.ledger import snapshot
from pg_deploy.ledger.errors import OtherLedgerUnreadableError
from pg_deploy.postgres.ledger_name import other_ledgers, own_ledger, reading_ledger
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text


@dataclass(frozen=True)
class OtherDeployment:
    """A deployment of another project, and the facts before and after it, as its ledger keeps them."""

    ledger: str
    deployment_id: int
    ended_at: datetime
    before: Facts
    after: Facts


def versions_of_others(connection: Connection) -> Mapping[str, str]:
    """The versions that belong to other projects, with their ledgers: in their folder now, or deployed and not rolled back.

    Reads only. Raises OtherLedgerUnreadableError.
    """
    found: dict[str, str] = {}
    for ledger in other_ledgers(connection):
        with _reading(connection, ledger):
            rows = connection.execute(
                engine_text("""select a.version
                from (
                    select distinct on (version) version, state from deploy_ledger.attempt order by version, id desc
                ) a
                where a.state <> 'rolled_back'
                union
                select unnest(d.folder_versions)
                from (
                    select folder_versions from deploy_ledger.deployment
                    where folder_versions <> '{}' order by id desc limit 1
                ) d""")
            ).fetchall()
        found.update({str(row[0]): ledger for row in rows})
    return found


def deployments_of_others(connection: Connection, since: datetime) -> tuple[OtherDeployment, ...]:
    """The deployments of other projects that ended since then and kept what they left behind, in order. Reads only.

    Raises OtherLedgerUnreadableError.
    """
    found = []
    for ledger in other_ledgers(connection):
        with _reading(connection, ledger):
            rows = connection.execute(
                engine_text("""select d.id, d.ended_at
                from deploy_ledger.deployment d where d.ended_at > %s order by d.ended_at"""),
                [since],
            ).fetchall()
            for number, ended_at in rows:
                both = snapshot.around(connection, number)
                if both is not None:
                    found.append(OtherDeployment(ledger, number, ended_at, *both))
    return tuple(sorted(found, key=lambda each: each.ended_at))


@contextmanager
def reading_last_deployed(connection: Connection) -> Iterator[None]:
    """For the block, read the ledger of whichever project is deploying now, or else deployed last. Raises psycopg.Error."""
    newest: tuple[bool, datetime, str] | None = None
    for ledger in (own_ledger(connection), *other_ledgers(connection)) if other_ledgers(connection) else ():
        with reading_ledger(connection, ledger):
            row = connection.execute(
                engine_text("""select exists (select from deploy_ledger.deployment where ended_at is null), (
                    select max(taken_at) from deploy_ledger.snapshot where moment = 'deployed' and location = 'target'
                )""")
            ).fetchone()
        if row is not None and row[1] is not None and (newest is None or (row[0], row[1]) > newest[:2]):
            newest = (row[0], row[1], ledger)
    if newest is None:
        yield
        return
    with reading_ledger(connection, newest[2]):
        yield


@contextmanager
def _reading(connection: Connection, ledger: str) -> Iterator[None]:
    try:
        with reading_ledger(connection, ledger):
            yield
    except psycopg.errors.InsufficientPrivilege:
        raise OtherLedgerUnreadableError(ledger, connection.info.user) from None
