"""Evidence: checks, benchmarks, approvals and proofs, each with its outcome and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pg_deploy.ledger.word_enum import Word
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text


class Kind(Word):
    """What a row of evidence is about; what each kind holds is in `ledger.kinds`, or beside the code that alone knows it."""

    ACCESS = "access"
    ACCESS_SAMPLE = "access sample"
    ACCESS_SAMPLE_AGAIN = "access sample asked again"
    APPROVAL = "approval"
    APPROVAL_ASKED = "approval asked"
    BACKUP = "backup"
    BACKUP_RESTORED = "backup restored"
    BASELINE = "baseline"
    BENCHMARK = "benchmark"
    BENCHMARK_BEFORE = "benchmark before"
    CHECK = "check"
    CHECK_AT_BASELINE = "check at baseline"
    CHECK_BEFORE = "check before"
    CLAIM = "claim"
    CLONE = "clone"
    CRITERIA = "criteria"
    DRIFT = "drift"
    LENT = "lent"
    LINT = "lint"
    LINTS_BEFORE = "lints before"
    MEASURED_BEFORE = "measured before"
    MENDED = "mended"
    PASSED_OVER = "passed over"
    REHEARSAL = "rehearsal"
    REHEARSAL_AS_A_WHOLE = "rehearsal as a whole"
    REPORT = "report"
    ROLLBACK_PROOF = "rollback proof"
    ROWS_NOT_RESTORED = "rows not restored"
    ROWS_WRITTEN = "rows written"
    SOURCE = "source"
    UNDONE = "undone"
    UNDONE_EARLIER = "undone earlier"
    WATCH = "watch"
    WORKLOAD = "workload"
    WORKLOAD_PROOF = "workload proof"
    WOULD_BE_LOST = "would be lost"


class Location(Word):
    """Where it was seen."""

    TARGET = "target"
    COPY = "rehearsal"


class Piece(Protocol):
    """One piece of evidence as a value, ready to be kept."""

    @property
    def name(self) -> str:
        """What it is about, within its kind."""

    @property
    def outcome(self) -> str:
        """How it ended, in a word or two."""

    def to_detail(self) -> dict[str, object]:
        """What was seen, as the ledger keeps it."""


@dataclass(frozen=True)
class Evidence:
    """One row of deploy_ledger.evidence; `detail` is for the classes of `ledger.kinds`, which read it."""

    id: int
    deployment_id: int
    attempt_id: int | None
    version: str | None
    location: str
    kind: str
    name: str
    outcome: str
    detail: dict[str, Any]
    recorded_at: datetime

    @property
    def is_of_copy(self) -> bool:
        """Whether it was seen in a rehearsal."""
        return self.location == Location.COPY

    @property
    def place(self) -> str:
        """Where it was seen, for a person."""
        return "on the copy" if self.is_of_copy else "on the target"


def record(
    connection: Connection,
    deployment_id: int,
    kind: Kind,
    piece: Piece,
    *,
    attempt_id: int | None = None,
    version: str | None = None,
    location: Location = Location.TARGET,
    waits: bool = True,
) -> None:
    """Write one piece of evidence. Commits once, or with the caller's transaction.

    With `waits` false the commit does not wait for the disk: the next commit that waits, such as an attempt's new state, writes
    this one too.
    """
    connection.execute(
        engine_text("""insert into deploy_ledger.evidence
            (deployment_id, attempt_id, version, location, kind, name, outcome, detail)
        select %s::bigint, %s::bigint, %s::text, %s::text, %s::text, %s::text, %s::text, %s::jsonb
        from pg_catalog.set_config(
            'synchronous_commit', case when %s then pg_catalog.current_setting('synchronous_commit') else 'off' end, true
        )"""),
        [
            deployment_id,
            attempt_id,
            version,
            location,
            kind,
            piece.name,
            piece.outcome,
            Jsonb(piece.to_detail()),
            waits,
        ],
    )


def of_deployment(connection: Connection, deployment_id: int, kind: Kind | None = None) -> tuple[Evidence, ...]:
    """The evidence of a deployment, oldest first, of one kind or all. Reads only."""
    return _select(connection, "deployment_id = %s and (%s::text is null or kind = %s)", [deployment_id, kind, kind])


def of_kind(connection: Connection, kind: Kind) -> tuple[Evidence, ...]:
    """The evidence of that kind of all deployments, oldest first. Reads only."""
    return _select(connection, "kind = %s", [kind])


def of_version(connection: Connection, deployment_id: int, version: str) -> tuple[Evidence, ...]:
    """The evidence that a deployment has of one migration, oldest first. Reads only."""
    return _select(connection, "deployment_id = %s and version = %s", [deployment_id, version])


def latest_of_copy(connection: Connection, deployment_id: int, kind: Kind, version: str) -> Evidence | None:
    """The newest evidence of that kind that a deployment's rehearsal has of one migration. Reads only."""
    found = _select(
        connection,
        "deployment_id = %s and kind = %s and version = %s and location = %s",
        [deployment_id, kind, version, Location.COPY],
        newest_only=True,
    )
    return found[0] if found else None


def of_attempt(connection: Connection, attempt_id: int, *kinds: Kind) -> tuple[Evidence, ...]:
    """The evidence of an attempt, oldest first, of these kinds, or all if none is named. Reads only."""
    if not kinds:
        return _select(connection, "attempt_id = %s", [attempt_id])
    return _select(connection, "attempt_id = %s and kind = any (%s)", [attempt_id, [kind.value for kind in kinds]])


def _select(
    connection: Connection, where: str, arguments: list[object], *, newest_only: bool = False
) -> tuple[Evidence, ...]:
    order = "id desc limit 1" if newest_only else "id"
    with connection.cursor(row_factory=class_row(Evidence)) as cursor:
        return tuple(
            cursor.execute(
                engine_text(f"""select id, deployment_id, attempt_id, version, location, kind, name, outcome, detail, recorded_at
                from deploy_ledger.evidence where {where} order by {order}"""),
                arguments,
            ).fetchall()
        )
