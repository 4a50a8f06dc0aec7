"""How long each step took, beside what the manual procedure plans for it."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.backup.evidence import parts_of
from pg_deploy.configuration.duration import format_duration, parse_duration
from pg_deploy.ledger import evidence
from pg_deploy.postgres.session import Connection

# The guide's "Timeline": what is not a migration.
GUIDE_PREPARATION = 600.0
GUIDE_VERIFICATION = 900.0


@dataclass(frozen=True)
class Step:
    """One step's duration in seconds, and the planned one where there is any."""

    name: str
    seconds: float
    planned: float | None

    @property
    def line(self) -> str:
        """For the log."""
        beside = f" (the guide plans {format_duration(self.planned)})" if self.planned else ""
        return f"{self.name}: {format_duration(self.seconds)}{beside}"


def read_steps(connection: Connection, deployment_id: int) -> tuple[Step, ...]:
    """The steps of a deployment by the ledger's times. Reads only."""
    started = connection.execute(
        """select extract(epoch from (
            select min(started_at) from deploy_ledger.attempt where deployment_id = d.id) - d.started_at)::float8,
            extract(epoch from coalesce(d.ended_at, clock_timestamp()) - d.started_at)::float8
        from deploy_ledger.deployment d where d.id = %s""",
        [deployment_id],
    ).fetchone()
    rows = connection.execute(
        """select p.stem, p.manifest ->> 'expected_duration',
            extract(epoch from coalesce(a.ended_at, clock_timestamp()) - a.started_at)::float8,
            extract(epoch from a.verified_at - a.applied_at)::float8
        from deploy_ledger.planned_migration p
        join lateral (
            select * from deploy_ledger.attempt a
            where a.deployment_id = p.deployment_id and a.version = p.version order by a.id desc limit 1
        ) a on true
        where p.deployment_id = %s order by p.position""",
        [deployment_id],
    ).fetchall()
    if started is None or not rows:
        return ()
    steps = [Step("pre-deployment checks", started[0] or 0.0, GUIDE_PREPARATION)]
    parts = parts_of(evidence.of_deployment(connection, deployment_id))
    steps += [Step(name, seconds, None) for name, seconds in parts]
    steps += [Step(row[0], row[2], parse_duration(row[1]) if row[1] else None) for row in rows]
    steps.append(Step("of these, verification", sum(row[3] or 0.0 for row in rows), GUIDE_VERIFICATION))
    planned = GUIDE_PREPARATION + GUIDE_VERIFICATION + sum(step.planned or 0 for step in steps[1:-1])
    return (*steps, Step("the whole run", started[1], planned))
