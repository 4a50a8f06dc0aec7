"""The literal log of an application, replayed with psql: which of its statements fail, and what the server counts them as."""

from __future__ import annotations

import re
import subprocess

import psycopg

from tests.applications.application import ROLE, Site
from tests.installed import installed

_FOLLOWS = ("23503",)
"""A row is missing because the statement that should have made it failed: that is no fault of this one."""


def replay_log(site: Site, database: str) -> dict[int, str]:
    """Send the log to a database, each statement by itself; the SQLSTATE of each that failed, by its place in the log."""
    lines = ["\\set VERBOSITY sqlstate", "\\set ON_ERROR_STOP 0"]
    for number, text in enumerate(site.literal_log()):
        lines += [f"\\warn at {number}", f"{text.rstrip().rstrip(';')};"]
    psql = str(installed().bindir / "psql")
    done = subprocess.run(
        [psql, "--no-psqlrc", "--quiet", "--output=/dev/null", site.conninfo(database, ROLE)],
        input="\n".join(lines), capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    failed, at = {}, -1
    for line in done.stderr.splitlines():
        if line.startswith("at "):
            at = int(line[3:])
        elif found := re.search(r"(?:ERROR|FATAL):\s+(\w{5})$", line):
            failed[at] = found.group(1)
    assert at == len(site.literal_log()) - 1, done.stderr[-500:]
    return failed


def newly_failing(site: Site, before: str, after: str) -> set[int]:
    """The statements that fail on the side after and not on the side before."""
    old, new = replay_log(site, before), replay_log(site, after)
    return {number for number, state in new.items() if number not in old and state not in _FOLLOWS}


def recorded_texts(site: Site, database: str, numbers: set[int]) -> set[str]:
    """What the server recorded these statements as. The database is one in which they can be planned."""
    log = site.literal_log()
    found = set()
    with psycopg.connect(site.conninfo(database, ROLE), autocommit=True) as session, site.connect("app") as admin:
        for number in sorted(numbers):
            explained = session.execute(f"explain (verbose, format json) {log[number]}".encode()).fetchone()
            assert explained is not None
            row = admin.execute(
                "select s.query from pg_stat_statements s join pg_database d on d.oid = s.dbid"
                " where d.datname = 'app' and s.queryid = %s and s.userid = %s::regrole",
                [explained[0][0]["Query Identifier"], ROLE],
            ).fetchone()
            assert row is not None, log[number]
            found.add(row[0])
    return found
