"""Make the demonstration's tables and rows in a database that is Supabase's already: `python -m demo.fill_supabase`.

Reads DEMO_INTO_ADMIN_URL (the superuser supabase_admin's), DEMO_INTO_URL (the deploying role's) and DEMO_SCALE. Does nothing
if the tables are there. The profile "demo" of docker-compose.yaml runs this on a Supabase image.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone

import psycopg

from demo import build
from demo.__main__ import scale
from demo.errors import BadSettingError, DemoError


def fill_database(admin_url: str, url: str, size: float) -> bool:
    """Fill the database with the demonstration's tables and rows; False if they are there already."""

    def connect(role: str, _: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(admin_url if role == "supabase_admin" else url, autocommit=True)

    with connect("postgres", "") as owner:
        found = owner.execute("select to_regclass('public.chat_telemetry') is not null").fetchone()
    if found and found[0]:
        return False
    build.fill(connect, size, datetime.now(timezone.utc).replace(second=0, microsecond=0))
    return True


def main() -> int:
    """The exit code."""
    try:
        done = fill_database(_url("DEMO_INTO_ADMIN_URL"), _url("DEMO_INTO_URL"), scale())
    except DemoError as failure:
        print(failure, file=sys.stderr)
        return 1
    print("the demonstration's rows are in" if done else "the demonstration's tables were there already")
    return 0


def _url(name: str) -> str:
    url = os.environ.get(name, "")
    if not url:
        raise BadSettingError(name, url, "a database's URL")
    return url


if __name__ == "__main__":
    sys.exit(main())
