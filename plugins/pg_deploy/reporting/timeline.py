"""How long each step took, beside what was planned for it."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.backup.evidence import parts_of
from pg_deploy.configuration.duration import format_duration, parse_duration
from pg_deploy.ledger import evidence
from pg_deploy.migrations.project_criteria import Timeline
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text


@dataclass(frozen=True)
class Step:
    """One step's duration in seconds, the planned one if there is any, and who plans it: the author of the migration, or the project."""

    name: str
    seconds: float
    planned: float | None
    planned_by: str = ""

    @property
    def line(self) -> str:
        """For the log."""
        said = f"{self.planned_by} plans" if self.planned_by else "expected"
        beside = f" ({said} {format_duration(self.planned)})" if self.planned else ""
        return f"{self.name}: {format_duration(self.seconds)}{beside}"


def read_steps(connection: Connection, deployment_id: int, timeline: Timeline | None) -> tuple[Step, ...]:
    """The steps of a deployment by the ledger's times, beside those of the project's timeline. Reads only."""
    started = connection.execute(
        engine_text("""select extract(epoch from (
            select min(started_at) from deploy_ledger.attempt where deployment_id = d.id) - d.started_at)::float8,
            extract(epoch from coalesce(d.ended_at, clock_timestamp()) - d.started_at)::float8
        from deploy_ledger.deployment d where d.id = %s"""),
        [deployment_id],
    ).fetchone()
    rows = connection.execute(
        engine_text("""select p.stem, p.manifest ->> 'expected_duration',
            extract(epoch from coalesce(a.ended_at, clock_timestamp()) - a.started_at)::float8,
            extract(epoch from a.verified_at - a.applied_at)::float8
        from deploy_ledger.planned_migration p
        join lateral (
            select * from deploy_ledger.attempt a
            where a.deployment_id = p.deployment_id and a.version = p.version order by a.id desc limit 1
        ) a on true
        where p.deployment_id = %s order by p.position"""),
        [deployment_id],
    ).fetchall()
    if started is None or not rows:
        return ()
    by = timeline.by if timeline else ""
    preparation = _seconds(timeline.preparation) if timeline else None
    verification = _seconds(timeline.verification) if timeline else None
    parts = parts_of(evidence.of_deployment(connection, deployment_id))
    migrations = [Step(row[0], row[2], _seconds(row[1]), by) for row in rows]
    whole = sum(each or 0 for each in (preparation, verification, *(step.planned for step in migrations)))
    return (
        Step("pre-deployment checks", started[0] or 0.0, preparation, by),
        *(Step(name, seconds, None) for name, seconds in parts),
        *migrations,
        Step("of these, verification", sum(row[3] or 0.0 for row in rows), verification, by),
        Step("the whole run", started[1], whole if timeline else None, by),
    )


def _seconds(duration: str | None) -> float | None:
    return parse_duration(duration) if duration else None
