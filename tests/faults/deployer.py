"""The whole engine as one process that may be killed: `python -m tests.faults.deployer <url> <folder> [good_for]`.

It does what the tasks of deploy_migrations do, in their order. Each verb has a guard of its own; a verb that lost its
connection is tried again, as Airflow tries a task again. Exit code 0: everything pinned is deployed; 3: it is not; 4: the
connection was lost for good.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from pg_deploy.configuration.conf import DeployConf
from pg_deploy.configuration.limits import StopRules
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify
from pg_deploy.errors import ConnectionFailedError, ConnectionLostError, PgDeployError
from pg_deploy.execution.lost_connections import lost_connections_named
from pg_deploy.ledger import deployment, pins
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.migrations.migration import Migration, load_all, scan_folder
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.preflight import preflight
from pg_deploy.reporting.report import read_report
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back

DEPLOYED, NOT_DEPLOYED, LOST = 0, 3, 4
log = logging.getLogger("pg_deploy")
T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """One run: `good_for` is how long, in seconds, a killed run keeps the next one waiting.

    `die_before` kills this process before its main thread's exchange of that number with the server. `tries` of each verb
    stand for Airflow's retries.
    """

    url: str
    folder: str
    name: str
    log_file: str
    good_for: float = 1.0
    give_up_after: float = 60.0
    lock_budget: float = 2.0
    reattach: float = 60.0
    tries: int = 6
    die_before: int | None = None
    stop_rules: StopRules = field(default_factory=StopRules)


def deploy(order: Order) -> int:
    """Run everything that is pending, as a DAG run would; returns the exit code."""
    target = Target("target_db", order.url)
    conf = DeployConf(give_up_after=order.give_up_after, lock_budget=order.lock_budget)
    identity = Identity("deploy_migrations", order.name, "tests")
    folder = Path(order.folder)
    try:
        with lost_connections_named():
            owned = preflight(target, conf, folder, identity, good_for=order.good_for, log=log).ownership
        if owned is None:
            return NOT_DEPLOYED
        pinned = _try_again(order, lambda: _pinned(target, owned))
        for migration in load_all(tuple(file for file in scan_folder(folder).files if file.version in pinned)):
            _deploy_one(order, target, conf, owned, migration)
        return _try_again(order, lambda: _report(target, owned))
    except (ConnectionLostError, ConnectionFailedError) as error:
        log.error("lost: %s", error)
        return LOST
    except PgDeployError as error:
        log.error("%s", error)
        return NOT_DEPLOYED


def _pinned(target: Target, owned: Ownership) -> set[str]:
    with target.session("read") as connection:
        return {each.version for each in pins.pinned(connection, owned.deployment_id)}


def _deploy_one(order: Order, target: Target, conf: DeployConf, owned: Ownership, migration: Migration) -> None:
    limits = replace(conf.limits, reattach=order.reattach, stop_rules=order.stop_rules)

    def task(verb: str, work: Callable[[Job], object]) -> None:
        def once() -> None:
            phase = f"{verb} {migration.stem}"
            with working(target, owned, phase, give_up_after=order.give_up_after, log=log) as guard:
                work(Job(target, guard, limits, log))

        log.info("task %s", verb)
        _try_again(order, once)

    task("snapshot", lambda job: resume(job, migration))
    try:
        task("apply", lambda job: (resume(job, migration), apply(job, migration)))
        task("verify", lambda job: verify(job, migration))
    except (ConnectionLostError, ConnectionFailedError):
        raise
    except PgDeployError as first:
        log.error("%s", first)
        task("rollback", lambda job: roll_back(job, migration.version))
        raise


def _report(target: Target, owned: Ownership) -> int:
    with target.session("report") as connection:
        found = read_report(connection, owned.deployment_id)
        deployment.close(connection, owned.deployment_id, owned.fence, found.end_state)
    log.info("report: %s", found.end_state)
    return DEPLOYED if found.is_deployed else NOT_DEPLOYED


def _try_again(order: Order, work: Callable[[], T]) -> T:
    for attempt in range(1, order.tries + 1):
        try:
            with lost_connections_named():
                return work()
        except (ConnectionLostError, ConnectionFailedError) as error:
            log.warning("try %d: %s", attempt, error)
            if attempt == order.tries:
                raise
            time.sleep(0.5)
    raise AssertionError("tries must be at least 1")


class _Countdown:
    """Kills this process, as an out-of-memory killer would, before the n-th exchange of its main thread with the server."""

    def __init__(self, exchanges: int | None) -> None:
        self.left = exchanges
        self.seen = 0
        self.wait = psycopg.Connection.wait

    def install(self) -> None:
        counted = self

        def wait(connection: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                counted.seen += 1
                if counted.seen == counted.left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return counted.wait(connection, *args, **kwargs)

        psycopg.Connection.wait = wait  # type: ignore[method-assign,assignment]


def main(order: Order) -> None:
    """Run the order and end the process. The log goes to the order's file; its last line says how many exchanges there were."""
    handler = logging.FileHandler(order.log_file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    countdown = _Countdown(order.die_before)
    countdown.install()
    try:
        code = deploy(order)
    except BaseException:
        log.exception("the engine let through an error that is not its own")
        code = 1
    log.info("ended with %d after %d exchanges", code, countdown.seen)
    handler.flush()
    os._exit(code)


if __name__ == "__main__":
    good_for = float(sys.argv[3]) if len(sys.argv) > 3 else 10.0
    by_hand = Order(sys.argv[1], sys.argv[2], f"by hand {os.getpid()}", "/dev/stdout", good_for=good_for)
    main(by_hand)
