"""Samples: what each run measured. They are small, and the ledger keeps them for a limited time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from pg_deploy.monitor.measures import Measured, Row, rows_from_json
from pg_deploy.monitor.statements import Counters, Window
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text
from pg_deploy.workload.statement_calls import MEASURE as CALLS_MEMORY

COUNTERS = "statement_counters"
WINDOWS = "statement_windows"
VIEWS_MEMORY = "views_memory"
STATEMENTS_MEMORY = "statements_memory"
PREDICTIONS_MEMORY = "predictions_memory"
IDENTITY = "identity"
UNTOLD_REPORT = "untold_report"
_NOT_ROWS = (
    COUNTERS,
    WINDOWS,
    VIEWS_MEMORY,
    STATEMENTS_MEMORY,
    CALLS_MEMORY,
    PREDICTIONS_MEMORY,
    IDENTITY,
    UNTOLD_REPORT,
)


@dataclass(frozen=True)
class Sample:
    """What one run of the monitor measured."""

    id: int
    taken_at: datetime


@dataclass(frozen=True)
class EndedDeployment:
    """A deployment that changed the target, when it ended, and the migrations of it that are in place (`stems`)."""

    id: int
    dag_id: str
    ended_at: datetime
    stems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The deployment's number and first migration, for a sentence."""
        shown, more = self.stems[:1], len(self.stems) - 1
        return f"deployment {self.id} ({''.join(shown)}{f' and {more} more' if more > 0 else ''})"


def begin_sample(connection: Connection, airflow_run: str) -> Sample:
    """Begin a sample of that run, and remove what an earlier try of the same run left. Commits once."""
    with connection.transaction():
        connection.execute(engine_text("delete from deploy_ledger.sample where airflow_run = %s"), [airflow_run])
        [row] = connection.execute(
            engine_text("""insert into deploy_ledger.sample (airflow_run, server_start, deployment_id)
            values (%s, pg_postmaster_start_time(), (
                select max(d.id) from deploy_ledger.deployment d where d.state in ('deployed', 'rolled_back', 'failed')
            ))
            returning id, taken_at"""),
            [airflow_run],
        ).fetchall()
    return Sample(*row)


def put_measures(connection: Connection, sample: Sample, measured: Sequence[Measured]) -> None:
    """Write measures into a sample. A measure of the same name is replaced. Commits once."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            engine_text("""insert into deploy_ledger.measurement (sample_id, measure, problem, failed, rows)
            values (%s, %s, %s, %s, %s)
            on conflict (sample_id, measure)
                do update set problem = excluded.problem, failed = excluded.failed, rows = excluded.rows"""),
            [
                (sample.id, one.measure, one.problem, one.failed, Jsonb([row.as_json() for row in one.rows]))
                for one in measured
            ],
        )


def put_statements(connection: Connection, sample: Sample, counters: Counters, windows: Mapping[str, Window]) -> None:
    """Write a sample's counters and windows, and remove the counters of all earlier samples but the newest. Commits once."""
    with connection.transaction():
        _forget(connection, COUNTERS)
        connection.execute(
            engine_text(
                "insert into deploy_ledger.measurement (sample_id, measure, rows) values (%s, %s, %s), (%s, %s, %s)"
            ),
            [
                sample.id,
                COUNTERS,
                Jsonb(counters.as_json()),
                sample.id,
                WINDOWS,
                Jsonb(
                    {key: [one.calls, round(one.mean_ms, 3), round(one.mean_blocks, 1)] for key, one in windows.items()}
                ),
            ],
        )


def read_memory(connection: Connection, name: str) -> dict[str, Any]:
    """What was last remembered under that name; empty if nothing was. Reads only."""
    row = connection.execute(
        engine_text("select rows from deploy_ledger.measurement where measure = %s order by sample_id desc limit 1"),
        [name],
    ).fetchone()
    return dict(row[0]) if row else {}


def put_memory(connection: Connection, sample: Sample, name: str, value: Mapping[str, Any]) -> None:
    """Remember something for the next look. Commits once."""
    with connection.transaction():
        _forget(connection, name)
        connection.execute(
            engine_text("""insert into deploy_ledger.measurement (sample_id, measure, rows) values (%s, %s, %s)
            on conflict (sample_id, measure) do update set rows = excluded.rows"""),
            [sample.id, name, Jsonb(value)],
        )


def _forget(connection: Connection, name: str) -> None:
    """Remove all but the newest of what is remembered under that name.

    The newest stays, because a run that is tried again begins with what the run before it knew.
    """
    connection.execute(
        engine_text("""delete from deploy_ledger.measurement m
        where m.measure = %(name)s
            and m.sample_id < (select max(n.sample_id) from deploy_ledger.measurement n where n.measure = %(name)s)"""),
        {"name": name},
    )


def read_sample(connection: Connection, sample_id: int) -> tuple[Sample, list[Measured]]:
    """A sample with all its measures, without statements and memories. Reads only."""
    sample = connection.execute(
        engine_text("select id, taken_at from deploy_ledger.sample where id = %s"), [sample_id]
    ).fetchone()
    if sample is None:
        raise LookupError(f"sample {sample_id} is not in the ledger")
    rows = connection.execute(
        engine_text("""select measure, rows, problem, failed from deploy_ledger.measurement
        where sample_id = %s and measure <> all (%s) order by measure"""),
        [sample_id, list(_NOT_ROWS)],
    ).fetchall()
    return Sample(*sample), [Measured(row[0], rows_from_json(row[1]), row[2], row[3]) for row in rows]


def read_newest_rows(connection: Connection, before: int | None = None) -> dict[str, tuple[Row, ...]]:
    """By measure, the rows of the last time that it could be measured, in samples before that one if it is given. Reads only."""
    rows = connection.execute(
        # The rows are long and many samples have some: only those of the newest are read.
        engine_text("""select m.measure, m.rows
        from (
            select n.measure, max(n.sample_id) as sample_id
            from deploy_ledger.measurement n
            where n.problem is null and n.measure <> all (%s) and n.sample_id < coalesce(%s, 9223372036854775807)
            group by n.measure
        ) newest
        join deploy_ledger.measurement m on m.sample_id = newest.sample_id and m.measure = newest.measure
        order by m.measure"""),
        [list(_NOT_ROWS), before],
    ).fetchall()
    return {row[0]: rows_from_json(row[1]) for row in rows}


def read_server_start(connection: Connection, sample: Sample) -> datetime | None:
    """When the server that the sample measured had been started. Reads only."""
    row = connection.execute(
        engine_text("select server_start from deploy_ledger.sample where id = %s"), [sample.id]
    ).fetchone()
    return row[0] if row else None


def read_time_of_sample_before(connection: Connection, sample: Sample) -> datetime | None:
    """When the sample before this one was taken. Reads only."""
    row = connection.execute(
        engine_text("select max(taken_at) from deploy_ledger.sample where id < %s"), [sample.id]
    ).fetchone()
    return row[0] if row else None


def read_last_counters(connection: Connection) -> Counters | None:
    """The statements' counters in the newest sample that has them. Reads only."""
    row = connection.execute(
        engine_text("select rows from deploy_ledger.measurement where measure = %s order by sample_id desc limit 1"),
        [COUNTERS],
    ).fetchone()
    return Counters.from_json(row[0]) if row else None


def read_statement_history(
    connection: Connection,
    count: int | None = None,
    *,
    slow_measure: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> list[tuple[datetime, dict[str, Window]]]:
    """The statements' windows in the newest `count` samples from `since` on and before a moment, oldest first. Reads only.

    A window in which `slow_measure` named the statement as slow is left out, because it is no standard to judge by.
    """
    rows = connection.execute(
        engine_text("""select s.taken_at, m.rows - array(
            select r.value -> 'detail' ->> 'key'
            from deploy_ledger.measurement w
            cross join lateral jsonb_array_elements(w.rows) r
            where w.sample_id = m.sample_id
                and w.measure = %s
                and r.value -> 'detail' ->> 'key' is not null
        )
        from deploy_ledger.measurement m
        join deploy_ledger.sample s on s.id = m.sample_id
        where m.measure = %s
            and s.taken_at >= coalesce(%s, '-infinity'::timestamptz)
            and s.taken_at < coalesce(%s, 'infinity'::timestamptz)
        order by m.sample_id desc
        limit %s"""),
        [slow_measure, WINDOWS, since, before, count],
    ).fetchall()
    return [(row[0], {key: Window(*numbers) for key, numbers in row[1].items()}) for row in reversed(rows)]


def read_values(connection: Connection, measure: str, since: datetime, until: datetime) -> list[float]:
    """All values of a measure in the samples taken from `since` on and before `until`. Reads only."""
    rows = connection.execute(
        engine_text("""select (r.value ->> 'value')::float8
        from deploy_ledger.measurement m
        join deploy_ledger.sample s on s.id = m.sample_id
        cross join lateral jsonb_array_elements(m.rows) r
        where m.measure = %s and s.taken_at >= %s and s.taken_at < %s and r.value ->> 'value' is not null"""),
        [measure, since, until],
    ).fetchall()
    return [row[0] for row in rows]


def read_last_deployment(connection: Connection) -> EndedDeployment | None:
    """The newest deployment that has ended and that left something in place, or None. Reads only."""
    row = connection.execute(
        engine_text("""select d.id, d.dag_id, d.ended_at, array_agg(a.stem order by a.id)
        from deploy_ledger.deployment d
        join deploy_ledger.attempt a on a.deployment_id = d.id
        where d.ended_at is not null and pg_catalog.starts_with(d.dag_id, 'deploy_')
            and a.state = 'verified'
        group by d.id
        order by d.id desc
        limit 1""")
    ).fetchone()
    return EndedDeployment(row[0], row[1], row[2], tuple(row[3])) if row else None


def remove_old(connection: Connection, retention_s: float) -> int:
    """Remove samples, ended alerts and refreshes older than `retention_s` seconds; the number of samples. Commits once."""
    old = timedelta(seconds=retention_s)
    with connection.transaction():
        removed = connection.execute(
            engine_text("delete from deploy_ledger.sample where taken_at < now() - %s"), [old]
        ).rowcount
        connection.execute(engine_text("delete from deploy_ledger.alert where ended_at < now() - %s"), [old])
        connection.execute(engine_text("delete from deploy_ledger.refresh where started_at < now() - %s"), [old])
    return removed


def mark_judged(connection: Connection, sample: Sample) -> None:
    """Write down that the sample's alerts were judged and told. Commits once."""
    connection.execute(engine_text("update deploy_ledger.sample set judged_at = now() where id = %s"), [sample.id])
