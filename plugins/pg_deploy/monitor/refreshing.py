"""Refreshing materialized views without stalling whoever reads them."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Collection
from contextlib import suppress

import psycopg
from psycopg import sql

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.measures import monitor_session
from pg_deploy.monitor.thresholds import ViewLimits
from pg_deploy.monitor.views import View, describe_holders, describe_workers, read_views
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.postgres.sql_files import engine_text
from pg_deploy.presentation.secrecy import without_secrets

# After so many seconds the watcher looks again whether somebody waits for the refresh, which then gives way.
_LOOKS_EVERY_S = 0.25


def deployment_is_open(connection: Connection) -> bool:
    """Whether a deployment to this database is under way. Reads only."""
    row = connection.execute(
        engine_text("select exists (select from deploy_ledger.deployment where ended_at is null)")
    ).fetchone()
    return bool(row and row[0])


def refresh_views(target: Target, limits: ViewLimits, names: Collection[str], log: logging.Logger) -> dict[str, str]:
    """Refresh the named views one after the other. Returns, by view, what happened to it, in words.

    Refreshes CONCURRENTLY if a unique index allows. Leaves alone a view on which somebody works, gives way to whoever waits for it,
    and ends within `refresh_timeout` for all views together. Waits for a lock no longer than `lock_budget`, then lets others pass,
    and tries again until `give_up_after`. Without a unique index a refresh keeps readers out, so after it has its lock it gets no
    more than `lock_budget` again; a view that nobody can read yet gets the whole time.
    Writes what came of each view that it tried into deploy_ledger.refresh.
    """
    done: dict[str, str] = {}
    until = time.monotonic() + limits.refresh_timeout
    with (
        target.session("refresh", role_search_path=True) as connection,
        monitor_session(target, "refresh, watching") as watching,
    ):
        views = [view for view in read_views(watching) if view.name in names]
        for view in views:
            if deployment_is_open(watching):
                done[view.name] = "not refreshed: a deployment to this database is under way"
            elif not view.may_refresh:
                done[view.name] = f"not refreshed: this role may not, its owner is {view.owner}"
            elif at_work := describe_workers(watching, view):
                done[view.name] = f"not refreshed: {at_work} works on it"
            elif time.monotonic() >= until:
                done[view.name] = f"not refreshed: the {format_duration(limits.refresh_timeout)} of this run are over"
            else:
                done[view.name] = _refresh(connection, watching, view, limits, until, log)
            log.info("%s: %s", view.name, done[view.name])
    return done


def _refresh(
    connection: Connection, watching: Connection, view: View, limits: ViewLimits, until: float, log: logging.Logger
) -> str:
    concurrently = view.concurrently and view.populated
    began = time.monotonic()
    pause = 0.5
    while True:
        started = time.monotonic()
        left = max(until - started, 1.0)
        timeout = left if concurrently or not view.populated else min(2 * limits.lock_budget, left)
        problem: str | None = None
        watcher = _GivesWay(watching, connection.info.backend_pid)
        try:
            connection.execute(
                "select pg_catalog.set_config('lock_timeout', %s, false), pg_catalog.set_config('statement_timeout', %s, false)",
                [_ms(limits.lock_budget), _ms(timeout)],
            )
            with watcher:
                connection.execute(
                    sql.SQL("refresh materialized view {}{}").format(
                        sql.SQL("concurrently " if concurrently else ""), view.identifier
                    )
                )
        except psycopg.errors.LockNotAvailable:
            by = describe_holders(watching, view, readers=not concurrently) or "a session that is gone by now"
            problem = f"not refreshed: its lock is held by {by}"
            if time.monotonic() - began + pause < limits.give_up_after:
                log.info(
                    "the refresh of %s did not get its lock, which is held by %s; it tries again in %.1f s",
                    view.name,
                    by,
                    pause,
                )
                time.sleep(pause * random.uniform(0.7, 1.3))
                pause *= 2
                continue
        except psycopg.errors.QueryCanceled:
            problem = f"not refreshed: it took longer than {format_duration(timeout)}"
            if watcher.gave_way_to:
                problem = f"not refreshed: it gave way to {watcher.gave_way_to}"
            if not concurrently and view.populated:
                problem += ", and without a unique index its readers wait meanwhile: create one"
        except psycopg.Error as error:
            if connection.closed or connection.broken:
                raise
            problem = f"not refreshed: {without_secrets(one_line(error.diag.message_primary or str(error)))}"
        finally:
            if not connection.closed:
                with suppress(psycopg.Error):
                    connection.execute("set lock_timeout = 0")
        took = time.monotonic() - started
        watching.execute(
            engine_text(
                "insert into deploy_ledger.refresh (view_name, started_at, duration_ms, online, problem)"
                " values (%s, clock_timestamp() - make_interval(secs => %s), %s, %s, %s)"
            ),
            [view.name, took, took * 1000, concurrently, problem],
        )
        how = "concurrently" if concurrently else "while its readers waited" if view.populated else "for the first time"
        return problem or f"refreshed it {how} in {format_duration(took)}"


class _GivesWay:
    """Cancels a session's refresh as soon as somebody waits for it. `gave_way_to` says in words who that was."""

    def __init__(self, watching: Connection, pid: int) -> None:
        self.gave_way_to: str | None = None
        self._watching, self._pid = watching, pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOKS_EVERY_S):
            try:
                row = self._watching.execute(
                    """select format('pid %%s (%%s%%s)', a.pid, a.usename, coalesce(', ' || nullif(a.application_name, ''), ''))
                    from pg_catalog.pg_stat_activity a
                    where a.wait_event_type = 'Lock' and %(pid)s = any (pg_catalog.pg_blocking_pids(a.pid))
                    limit 1""",
                    {"pid": self._pid},
                ).fetchone()
                if row and not self._over.is_set():
                    self.gave_way_to = row[0]
                    self._watching.execute("select pg_catalog.pg_cancel_backend(%s)", [self._pid])
                    return
            except psycopg.Error:
                # Without the watcher the refresh still has a deadline of its own.
                return


def _ms(seconds: float) -> str:
    return str(max(1, int(seconds * 1000)))
