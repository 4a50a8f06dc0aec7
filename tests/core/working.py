"""The engine's verbs on a real database without Airflow: a claimed ledger, a guard, a job."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify
from pg_deploy.execution.segments import Observer
from pg_deploy.ledger import deployment, pins, schema
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.migrations import history
from pg_deploy.migrations.folder import stamp
from pg_deploy.migrations.migration import Migration, load_all, read_folder
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import never_over
from pg_deploy.rollback.resume import resume


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass(frozen=True)
class Working:
    """A job that holds the target, the migrations it pinned, and what was logged."""

    job: Job
    migrations: Sequence[Migration]
    lines: list[str] = field(default_factory=list)

    def apply(self, migration: Migration | None = None, *, observer: Observer | None = None) -> None:
        """Take up and apply the first migration, or this one; `observer` is called in the place of the job's own."""
        job = replace(self.job, observer=observer) if observer else self.job
        resume(job, migration or self.migrations[0])
        apply(job, migration or self.migrations[0])

    def deploy(self) -> None:
        """Apply and verify every migration, in their order."""
        for migration in self.migrations:
            self.apply(migration)
            verify(self.job, migration)

    @property
    def text(self) -> str:
        """The log as one text."""
        return "\n".join(self.lines)


@contextmanager
def working_on(
    url: str,
    files: Path | Sequence[Migration],
    limits: Limits | None = None,
    *,
    ends: str = "failed",
    benchmark: bool = True,
    give_up_after: float = 5,
    ledger: str = "deploy_ledger",
) -> Iterator[Working]:
    """Claim the target, pin these migrations or those of a folder, and work under the guard; closes the deployment as `ends`."""
    target = Target("target_db", url, ledger)
    lines: list[str] = []
    log = logging.Logger("pg_deploy tests")
    log.addHandler(_Lines(lines))
    migrations = load_all(read_folder(files)) if isinstance(files, Path) else files
    with target.session("test") as connection:
        schema.ensure(connection)
        history.ensure(connection)
        label = stamp(files) if isinstance(files, Path) else ""
        versions = tuple(each.version for each in migrations)
        claim = Claim("deploy_migrations", f"run {id(lines)}", "tester", {}, label, versions)
        held = deployment.claim(connection, claim, good_for=60, is_over=never_over)
        pins.pin(connection, held.id, migrations)
        try:
            with working(target, Ownership(held.id, held.fence), "test", give_up_after=give_up_after, log=log) as guard:
                yield Working(Job(target, guard, limits or Limits(), log, benchmark=benchmark), migrations, lines)
        finally:
            deployment.close(connection, held.id, held.fence, deployment.State(ends))
