"""What a migration declares that it breaks, and who still sends it: shown before anything is deployed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pg_deploy.ledger.kinds.workload import RecordedStatement
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.naming import statements_naming
from pg_deploy.workload.quiet import prove_quiet
from pg_deploy.workload.record import record_workload
from pg_deploy.workload.statement_calls import last_seen_by_key

_SHOWN = 5


def log_declared_breaks(
    connection: Connection, migrations: Iterable[Migration], ledger: str, log: logging.Logger
) -> None:
    """Log which statements name each object that is declared to break, and whether it was quiet for long enough. Reads only."""
    breaks = [(migration, each) for migration in migrations for each in migration.manifest.breaks if each.object]
    if not breaks:
        return
    recorded = record_workload(connection, ledger=ledger, last_seen=last_seen_by_key(connection)).statements
    for migration, declared in breaks:
        name = declared.object or ""
        statements = statements_naming(name, recorded)
        quiet = prove_quiet(connection, name, statements, declared.quiet_s)
        log.info("%s declares that it breaks %s (%s)", migration.stem, name, declared.why)
        log.info("  %s quiet for %s: %s", "✓" if quiet.is_enough else "–", declared.quiet_for, quiet.sentence)
        for each in statements[:_SHOWN]:
            log.info("  %s", _statement_line(each))
        if len(statements) > _SHOWN:
            log.info("  and %d more statements name it", len(statements) - _SHOWN)


def _statement_line(statement: RecordedStatement) -> str:
    frequency = (
        f"{statement.calls:,.0f} calls"
        if statement.calls_a_day is None
        else f"{statement.calls_a_day:,.0f} calls a day"
    )
    last_seen = f", last seen {statement.last_seen}" if statement.last_seen else ""
    text = " ".join(statement.text.split())
    return f"{statement.id} of {statement.role}, {frequency}{last_seen}: {text[:120]}{' …' if len(text) > 120 else ''}"
