"""Ownership of the target: one open deployment, a fence number, a time until which it is believed alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from pg_deploy.ledger import evidence
from pg_deploy.ledger.errors import DeploymentLostError, OtherServerError, RunOverError, TargetBusyError
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word
from pg_deploy.postgres.ledger_name import look_for_ledgers, other_ledgers, reading_ledger
from pg_deploy.postgres.server_identity import server_of
from pg_deploy.postgres.session import Connection, this_host
from pg_deploy.postgres.sql_files import engine_fragment, engine_text

# The session advisory lock under which a task works; a lock cannot span tasks, which are processes of their own.
LOCK_KEY = "pg_catalog.hashtextextended('deploy_ledger deployment', 0)"

_COLUMNS = engine_fragment("""id, dag_id, airflow_run, host, actor, conf, folder, folder_versions, fence, good_until, phase, state,
    started_at, ended_at, (
        select nullif(e.name, '') from deploy_ledger.evidence e where e.deployment_id = deployment.id and e.kind = 'claim' limit 1
    ) as origin""")


class State(Word):
    """What became of a deployment."""

    RUNNING = "running"
    DEPLOYED = "deployed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Claimed(Kept):
    """The cluster on which a deployment took its target; `name` is which Airflow's run it is."""

    name: str
    system: str
    outcome: str = "taken"


@dataclass(frozen=True)
class Deployment:
    """One row of deploy_ledger.deployment."""

    id: int
    dag_id: str
    airflow_run: str
    host: str
    actor: str
    conf: dict[str, object]
    folder: str
    folder_versions: list[str]
    fence: int
    good_until: datetime
    phase: str
    state: State
    started_at: datetime
    ended_at: datetime | None
    origin: str | None = None
    """Which Airflow's run it is, and when that was made; None if it was not said."""


@dataclass(frozen=True)
class Claim:
    """What a run says of itself when it asks for the target."""

    dag_id: str
    airflow_run: str
    actor: str
    conf: dict[str, object]
    folder: str
    folder_versions: tuple[str, ...]
    origin: str = ""


def by_id(connection: Connection, deployment_id: int) -> Deployment | None:
    """The deployment of that id, if any. Reads only."""
    return _one(connection, "where id = %s", (deployment_id,))


def of_run(connection: Connection, dag_id: str, airflow_run: str) -> Deployment | None:
    """The newest deployment of that DAG run, if any. Reads only."""
    return _one(connection, "where dag_id = %s and airflow_run = %s order by id desc limit 1", (dag_id, airflow_run))


def claim(
    connection: Connection, wanted: Claim, *, good_for: float, is_over: Callable[[Deployment], bool]
) -> Deployment:
    """Take the target for a new run for `good_for` seconds. Commits once.

    A retry of the run that holds it takes it again under a higher fence. An expired holder is marked abandoned once the deploy
    lock is free, so its tasks refuse from then on. A holder whose run `is_over` is marked too, even if its time has not passed:
    an approval that nobody will answer must not hold the target for a day. Raises TargetBusyError, with holder and phase, while
    another run holds it, and RunOverError for a run that has reported.
    """
    with connection.transaction():
        look_for_ledgers(connection)
        _refuse_after_its_report(connection, wanted)
        for ledger in other_ledgers(connection):
            # The database is one: while another project deploys, this one waits.
            with reading_ledger(connection, ledger):
                _end_or_refuse(connection, _one(connection, "where ended_at is null for update", ()), is_over)
        holder = _one(connection, "where ended_at is null for update", ())
        if holder is not None and _is_same_run(holder, wanted):
            return _reclaim(connection, holder.id, wanted, good_for)
        _end_or_refuse(connection, holder, is_over)
        try:
            with connection.cursor(row_factory=_ROW) as cursor:
                row = cursor.execute(
                    engine_text(f"""insert into deploy_ledger.deployment
                        (dag_id, airflow_run, host, actor, conf, folder, folder_versions, good_until, phase)
                    values (%s, %s, %s, %s, %s, %s, %s, clock_timestamp() + make_interval(secs => %s), 'preflight')
                    returning {_COLUMNS}"""),
                    [
                        wanted.dag_id,
                        wanted.airflow_run,
                        this_host(),
                        wanted.actor,
                        Jsonb(wanted.conf),
                        wanted.folder,
                        list(wanted.folder_versions),
                        good_for,
                    ],
                ).fetchone()
        except psycopg.errors.UniqueViolation:
            raise TargetBusyError("another run", "unknown", "just claimed it", None) from None
        if row is not None:
            system = server_of(connection).system
            evidence.record(connection, row.id, Kind.CLAIM, Claimed(wanted.origin, system))
    if row is None:
        raise DeploymentLostError(None, "its row is gone")
    return row


def _end_or_refuse(connection: Connection, holder: Deployment | None, is_over: Callable[[Deployment], bool]) -> None:
    """Mark a holder abandoned whose time or run is over. Raises TargetBusyError while it holds the target."""
    if holder is None:
        return
    if not ((_expired(connection, holder.id) or is_over(holder)) and lock_holder(connection) is None):
        raise TargetBusyError(holder.airflow_run, holder.host, holder.phase, holder.good_until)
    connection.execute(
        engine_text("update deploy_ledger.deployment set state = %s, ended_at = clock_timestamp() where id = %s"),
        [State.ABANDONED, holder.id],
    )


def refuse_other_server(connection: Connection, deployment_id: int, system: str, target: str) -> None:
    """Raise OtherServerError if the deployment began on another cluster than `system`. Reads only.

    A standby that was promoted is the same cluster; a copy that was restored elsewhere is not.
    """
    for row in evidence.of_deployment(connection, deployment_id, Kind.CLAIM):
        began = Claimed.from_row(row).system
        if began and began != system:
            raise OtherServerError(target, began, system)


def _is_same_run(holder: Deployment, wanted: Claim) -> bool:
    same = (holder.dag_id, holder.airflow_run) == (wanted.dag_id, wanted.airflow_run)
    return same and (holder.origin is None or not wanted.origin or holder.origin == wanted.origin)


def _refuse_after_its_report(connection: Connection, wanted: Claim) -> None:
    """A run that has reported is over: a task of it that is cleared alone would open what nobody closes."""
    last = of_run(connection, wanted.dag_id, wanted.airflow_run)
    if last is None or last.ended_at is None or not _is_same_run(last, wanted):
        return
    if evidence.of_deployment(connection, last.id, Kind.REPORT):
        raise RunOverError(wanted.airflow_run, last.id, last.state)


def renew(connection: Connection, deployment_id: int, fence: int, phase: str, *, good_for: float) -> None:
    """Say that the deployment is alive for another `good_for` seconds and what it does. Commits once.

    Raises DeploymentLostError if its fence was raised or it was ended: whoever holds the target now must not be disturbed.
    """
    done = connection.execute(
        engine_text("""update deploy_ledger.deployment
        set good_until = clock_timestamp() + make_interval(secs => %s), phase = %s, host = %s
        where id = %s and fence = %s and ended_at is null"""),
        [good_for, phase, this_host(), deployment_id, fence],
    ).rowcount
    if not done:
        raise DeploymentLostError(deployment_id, _why_lost(connection, deployment_id))


def lend(connection: Connection, deployment_id: int, fence: int, phase: str) -> None:
    """Let others take the target until `take_back`: a person is asked, and nobody knows for how long. Commits once.

    Raises DeploymentLostError as `renew` does.
    """
    renew(connection, deployment_id, fence, phase, good_for=0)


def take_back(
    connection: Connection,
    deployment_id: int,
    fence: int,
    phase: str,
    *,
    good_for: float,
    is_over: Callable[[Deployment], bool],
) -> None:
    """Hold the target again under the same fence, even if somebody had it meanwhile. Commits once.

    What they did is for the caller to look at. Whoever has only lent it by now, or is over, gives way as to a `claim`, and can take
    it back later. Raises TargetBusyError while another run has it, and DeploymentLostError if this deployment was ended by its own run.
    """
    with connection.transaction():
        look_for_ledgers(connection)
        mine = _one(connection, "where id = %s for update", (deployment_id,))
        if mine is None or mine.fence != fence or mine.state not in (State.RUNNING, State.ABANDONED):
            raise DeploymentLostError(deployment_id, _why_lost(connection, deployment_id))
        for ledger in other_ledgers(connection):
            with reading_ledger(connection, ledger):
                _end_or_refuse(connection, _one(connection, "where ended_at is null for update", ()), is_over)
        holder = _one(connection, "where ended_at is null and id <> %s for update", (deployment_id,))
        _end_or_refuse(connection, holder, is_over)
        try:
            connection.execute(
                engine_text("""update deploy_ledger.deployment set state = %s, ended_at = null, phase = %s, host = %s,
                    good_until = clock_timestamp() + make_interval(secs => %s)
                where id = %s"""),
                [State.RUNNING, phase, this_host(), good_for, deployment_id],
            )
        except psycopg.errors.UniqueViolation:
            raise TargetBusyError("another run", "unknown", "just claimed it", None) from None


def later_runs(connection: Connection, deployment_id: int) -> tuple[str, ...]:
    """The runs that took the target after this deployment did, as `dag run`. Reads only."""
    rows = connection.execute(
        engine_text("select dag_id || ' ' || airflow_run from deploy_ledger.deployment where id > %s order by id"),
        [deployment_id],
    ).fetchall()
    return tuple(str(row[0]) for row in rows)


_HOLDS = engine_fragment("select from deploy_ledger.deployment where id = %s and fence = %s and ended_at is null")


def check_fence(connection: Connection, deployment_id: int, fence: int) -> None:
    """Raise DeploymentLostError if the deployment does not hold the target now. Reads only, and locks nothing."""
    if connection.execute(engine_text(_HOLDS), [deployment_id, fence]).fetchone() is None:
        raise DeploymentLostError(deployment_id, _why_lost(connection, deployment_id))


def hold_fence(connection: Connection, deployment_id: int, fence: int) -> None:
    """Make sure, inside the caller's transaction, that the deployment still holds the target, until it commits.

    Whoever wants to raise the fence waits for that commit. Raises DeploymentLostError.
    """
    if connection.execute(engine_text(f"{_HOLDS} for share"), [deployment_id, fence]).fetchone() is None:
        raise DeploymentLostError(deployment_id, _why_lost(connection, deployment_id))


def close(connection: Connection, deployment_id: int, fence: int, state: State) -> bool:
    """End the deployment with `state`; False if somebody else ended it already. Commits once."""
    done = connection.execute(
        engine_text("""update deploy_ledger.deployment set state = %s, ended_at = clock_timestamp(), phase = 'report'
        where id = %s and fence = %s and ended_at is null"""),
        [state, deployment_id, fence],
    ).rowcount
    return bool(done)


def lock_holder(connection: Connection) -> str | None:
    """Who holds the deploy lock; None if nobody does: then nobody works, whatever the ledger says. Reads only."""
    row = connection.execute(
        f"""select l.pid, a.application_name, a.client_addr::text
        from pg_catalog.pg_locks l
        left join pg_catalog.pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and (l.classid::bigint << 32 | l.objid::bigint) = {LOCK_KEY}
            and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())"""
    ).fetchone()
    return f"pid {row[0]} ({row[1] or 'unknown'}, from {row[2] or 'a local socket'})" if row else None


def _read(*, state: str, **columns: Any) -> Deployment:
    return Deployment(state=State(state), **columns)


_ROW = kwargs_row(_read)


def _one(connection: Connection, where: str, arguments: tuple[object, ...]) -> Deployment | None:
    with connection.cursor(row_factory=_ROW) as cursor:
        return cursor.execute(
            engine_text(f"select {_COLUMNS} from deploy_ledger.deployment {where}"), arguments
        ).fetchone()


def _expired(connection: Connection, deployment_id: int) -> bool:
    row = connection.execute(
        engine_text("select good_until < clock_timestamp() from deploy_ledger.deployment where id = %s"),
        [deployment_id],
    ).fetchone()
    return bool(row and row[0])


def _reclaim(connection: Connection, deployment_id: int, wanted: Claim, good_for: float) -> Deployment:
    with connection.cursor(row_factory=_ROW) as cursor:
        row = cursor.execute(
            engine_text(f"""update deploy_ledger.deployment
            set fence = nextval('deploy_ledger.fence_seq'), host = %s, phase = 'preflight', folder = %s,
                folder_versions = %s, good_until = clock_timestamp() + make_interval(secs => %s)
            where id = %s returning {_COLUMNS}"""),
            [this_host(), wanted.folder, list(wanted.folder_versions), good_for, deployment_id],
        ).fetchone()
    if row is None:
        raise DeploymentLostError(deployment_id, "its row is gone")
    return row


def _why_lost(connection: Connection, deployment_id: int) -> str:
    found = by_id(connection, deployment_id)
    if found is None:
        return "its row is gone from the ledger"
    if found.ended_at is not None:
        return f"it was ended as {found.state}"
    return "another try of it holds the target under a newer fence"
