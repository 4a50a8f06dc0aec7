"""The cases of tests/cases/monitor on a demo database: runs their SQL as if it were a moment of the test's choice."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg

CASES = Path(__file__).resolve().parents[2] / "cases" / "monitor"
SUNDAY = datetime.fromisoformat("2026-11-29T10:30:00+00:00")


def prepare(admin_url: str, case: str | None = None, now: datetime = SUNDAY) -> None:
    """Run the setup, and the case's SQL with `now` for its now()."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute((CASES / "00-setup" / "setup.sql").read_bytes())
        if case:
            text = (CASES / case / "case.sql").read_text()
            views = re.sub(r"as materialized view.*?;", "", text)
            at = f"'{now.isoformat()}'::timestamptz"
            # A view's own now() stays: it is the time of its refresh.
            lines = [
                line if "create materialized view" in line else line.replace("now()", at) for line in views.splitlines()
            ]
            connection.execute("\n".join(lines).encode())


@contextmanager
def launcher_stopped(admin_url: str) -> Iterator[None]:
    """Stop pg_cron's launcher while the block lasts, as the setup of the cases asks for."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        row = connection.execute(
            "select pid from pg_stat_activity where application_name like 'pg_cron%' or backend_type like 'pg_cron%'"
        ).fetchone()
    if row is None:
        yield
        return
    os.kill(row[0], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(row[0], signal.SIGCONT)
