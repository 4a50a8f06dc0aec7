"""A clone for the length of one rehearsal: asked for once under a name of our own, waited for, and removed whatever happens.

The name is in the ledger before anybody is asked, so the next try, and every later run, finds what a killed task left. Only
what was seen to be gone is kept as removed.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from pg_deploy.configuration.duration import format_duration
from pg_deploy.deployment.job import Job
from pg_deploy.errors import ConnectionFailedError, PgDeployError
from pg_deploy.ledger import deployment
from pg_deploy.ledger.kinds.clone import CloneKept, CloneState, clones_left, clones_of, record_clone
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.rehearsal.clones.errors import CloneAnswerLostError, CloneBusyError, CloneLateError, CloneRefusedError
from pg_deploy.rehearsal.clones.service import CloneService, Patience

_SAY_EVERY_S = 30.0


@contextmanager
def made_clone(job: Job, service: CloneService, patience: Patience) -> Iterator[Target]:
    """A new clone of the target, reachable, under its name; removed at the end. Removes first what earlier tries left.

    Raises CloneRefusedError, or CloneLateError after `patience.ready_s`. A removal that fails is said and kept, and hides no
    other error.
    """
    remove_clones_left(job.ledger, service, patience, job.log)
    asking = _Asking(service, patience, _new_name(job), job.log)
    clone = CloneKept(asking.name, CloneState.ASKED, service.label)
    record_clone(job.ledger, job.deployment_id, clone)
    started = time.monotonic()
    try:
        job.log.info("asking %s for the clone %s", service.label, clone.name)
        clone_id = asking.once_made(started)
        clone = replace(clone, outcome=CloneState.MADE, id=clone_id)
        record_clone(job.ledger, job.deployment_id, clone)
        target = _once_ready(job, service, clone, patience, started)
        took = time.monotonic() - started
        job.log.info("  ✓ the clone %s (%s) is ready after %s", clone.name, clone_id, format_duration(took))
        yield target
    finally:
        clone = replace(clone, seconds=round(time.monotonic() - started, 1))
        if clone.id or asking.unanswered:
            removing = _Removing(service, patience, job.ledger, job.deployment_id, job.log, asking.unanswered)
            removing.remove(clone)
        else:
            never = replace(clone, outcome=CloneState.REMOVED, said="it was never made")
            _keep(job.ledger, job.deployment_id, never, job.log)


def remove_clones_left(
    connection: Connection, service: CloneService, patience: Patience, log: logging.Logger, *, of: int | None = None
) -> None:
    """Remove the clones that earlier tries and runs left, as the ledger knows them, or only those of that deployment.

    Whoever holds the target may remove all. Never raises for what cannot be removed: that is said and stays in the ledger.
    """
    for deployment_id, left in clones_left(connection):
        if of not in (None, deployment_id):
            continue
        if left.service != service.label:
            log.error(
                "  ✗ the clone %s (%s) of %s is left over, and only that can remove it",
                left.name,
                left.id,
                left.service,
            )
            continue
        log.info("removing the clone %s, which deployment %d left", left.name, deployment_id)
        _Removing(service, patience, connection, deployment_id, log).remove(left)


def _new_name(job: Job) -> str:
    """A name that only this try of this deployment of this database has; the same whoever derives it from the ledger."""
    held = deployment.by_id(job.ledger, job.deployment_id)
    system = job.guard.server.system if job.guard.server else ""
    parts = (
        system,
        job.target.name,
        job.ledger.info.dbname,
        held.airflow_run if held else "",
        held.origin if held else "",
    )
    digest = hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:10]
    return f"pg-deploy-{digest}-{job.deployment_id}-{len(clones_of(job.ledger, job.deployment_id)) + 1}"


@dataclass
class _Asking:
    """Asking for one clone. If an answer is lost, its name is looked for before it is asked for again."""

    service: CloneService
    patience: Patience
    name: str
    log: logging.Logger
    unanswered: int = 0
    """How many requests may have made a clone that nobody has seen."""

    def once_made(self, started: float) -> str:
        """The id of the clone. Raises CloneRefusedError, or CloneLateError if `patience.ready_s` have passed since `started`."""
        asked_at = float("-inf")
        state = "nothing was answered"
        tries = looks(self.patience.look_s, say_every_s=_SAY_EVERY_S)
        while True:
            _, is_due = next(tries)
            now = time.monotonic()
            if now - started > self.patience.ready_s:
                raise CloneLateError(self.service.label, self.name, now - started, state)
            try:
                if self.unanswered and (found := self.service.find(self.name)):
                    self.unanswered = max(0, self.unanswered - len(found))
                    return found[0]
                if now - asked_at > self.patience.lost_s:
                    asked_at = now
                    return self._create()
            except CloneAnswerLostError as error:
                state = str(error)
                self.log.warning("%s; looking for it by its name", error)
            except CloneBusyError as error:
                asked_at = asked_at if self.unanswered else float("-inf")
                state = str(error)
                if is_due:
                    self.log.info("%s", error)

    def _create(self) -> str:
        self.unanswered += 1
        try:
            made = self.service.create(self.name)
        except (CloneBusyError, CloneRefusedError):
            self.unanswered -= 1
            raise
        self.unanswered -= 1
        return made


def _once_ready(job: Job, service: CloneService, clone: CloneKept, patience: Patience, started: float) -> Target:
    state = "it is being made"
    tries = looks(patience.look_s, say_every_s=_SAY_EVERY_S)
    while True:
        waited, is_due = next(tries)
        if time.monotonic() - started > patience.ready_s:
            raise CloneLateError(service.label, clone.name, time.monotonic() - started, state)
        if is_due and waited:
            job.log.info("waiting for the clone %s: %s", clone.name, state)
        try:
            reached = service.reach(clone.id)
            if reached is not None:
                target = replace(job.target, name=f"clone {clone.name}", conninfo=reached.conninfo)
                target.connect("compare").close()
                return target
        except (CloneAnswerLostError, CloneBusyError, ConnectionFailedError) as error:
            state = str(error)


@dataclass
class _Removing:
    """Removing every clone of a name. `unanswered`: so many requests were never answered and may still make one."""

    service: CloneService
    patience: Patience
    ledger: Connection
    deployment_id: int
    log: logging.Logger
    unanswered: int = 0

    def remove(self, clone: CloneKept) -> None:
        """Remove it, look whether it is gone, and write what was seen. Never raises what the service says."""
        started = time.monotonic()
        # A request of a task that was killed may be under way still.
        believe_s = self.patience.lost_s if self.unanswered or clone.outcome == CloneState.ASKED else 0.0
        pause, problem = self.patience.look_s, "it is still there"
        while True:
            waited = time.monotonic() - started
            try:
                there = self.service.find(clone.name)
                if not there and waited >= believe_s:
                    self._gone(clone)
                    return
                for clone_id in there:
                    clone = replace(clone, id=clone_id)
                    self.service.remove(clone_id)
            except Exception as error:
                # Whatever a service answers, and whatever went wrong before: what is left must be said.
                problem = str(error) if isinstance(error, PgDeployError) else f"{type(error).__name__} in its answer"
                self.log.warning("the clone %s is not removed yet: %s", clone.name, problem)
            if waited > self.patience.remove_s + believe_s:
                self._left(clone, problem)
                return
            time.sleep(pause)
            pause = min(pause * 2, self.patience.remove_s / 4)

    def _gone(self, clone: CloneKept) -> None:
        if self.unanswered and not clone.id:
            self._left(clone, "a request for it was never answered, and no clone of that name is there yet")
            return
        _keep(self.ledger, self.deployment_id, replace(clone, outcome=CloneState.REMOVED, said=""), self.log)
        self.log.info("  ✓ the clone %s is removed", clone.name)

    def _left(self, clone: CloneKept, problem: str) -> None:
        by_hand = self.service.by_hand(clone.id or clone.name)
        said = f"{problem}; the next run looks for it again; to remove it by hand, {by_hand}"
        _keep(self.ledger, self.deployment_id, replace(clone, outcome=CloneState.LEFT, said=said), self.log)
        known = clone.id or "no id known"
        self.log.error("  ✗ the clone %s (%s) may be LEFT OVER, with the target's rows: %s", clone.name, known, said)


def _keep(connection: Connection, deployment_id: int, clone: CloneKept, log: logging.Logger) -> None:
    """Write it. A ledger that cannot be reached hides no other error: what it says still sends the next run to look."""
    try:
        record_clone(connection, deployment_id, clone)
    except psycopg.Error as error:
        log.error("the ledger could not be told that the clone %s is %s: %s", clone.name, clone.outcome, error)
