"""Every fault of the list at once, in one run on the demo target: each found, named rightly, told once, and over when mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.dags.harness import PROJECT, Result, run_dag
from tests.looking import Database

ASKED = "select count(*) from public.chat_telemetry where session_id = %s"
# Ten minutes of idling, and a table large enough to make 5 ms of a scan, would make the test long.
LIMITS = {"measures": {"idle_in_transaction": {"above": 0}}, "statements": {"at_least": "1 ms"}}
POLICY = "alter policy conversations_select on public.conversations using"
JOB = "refresh-chat-telemetry-views"
REFRESH = (
    "refresh materialized view concurrently public.chat_telemetry_domain_summary;"
    " refresh materialized view concurrently public.chat_telemetry_model_summary"
)


def alerts(result: Result) -> dict[str, str]:
    """The cause of each open alert by measure and object."""
    lines = [line.removeprefix("ALERT ") for line in result.log if line.startswith("ALERT ")]
    return {line.split(": ")[0]: line.split(": ", 1)[1] for line in lines}


@contextmanager
def held(url: str, *statements: str, application: str) -> Iterator[int]:
    """The pid of a session that sits in a transaction after these statements."""
    with psycopg.connect(url, application_name=application) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection.info.backend_pid
        connection.rollback()


def ask(url: str) -> None:
    """The application's query, often enough to be judged."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(20):
            connection.execute(ASKED, [f"session {number}"])


def plant(database: Database, admin: Database) -> str:
    """All faults that need no session to stay; the policy as it was."""
    using = database.value(
        "select pg_get_expr(polqual, polrelid) from pg_policy where polname = 'conversations_select'"
    )
    database.run(f"{POLICY} (true)")
    database.run(f"select cron.unschedule('{JOB}')")
    database.run("select cron.schedule('nightly', '0 3 * * *', 'select 1')")
    admin.run(
        "insert into cron.job_run_details (jobid, runid, command, status, return_message, start_time, end_time)"
        " select jobid, 900, command, 'failed', 'ERROR: no space left', now(), now() from cron.job where jobname = 'nightly'"
    )
    database.run("create materialized view public.never_refreshed as select 1 as id with no data")
    database.run("drop index public.idx_chat_telemetry_model_duration")
    admin.run("drop index public.by_session")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("create unique index concurrently half_built on public.messages (conversation_id)")
    ask(database.url)
    for _ in range(3):
        database.rows("select pg_sleep(0.8) as of_the_new_release")
    return str(using)


def mend(database: Database, admin: Database, using: str) -> None:
    """Take back what `plant` did."""
    database.run(f"{POLICY} ({using})")
    database.run(f"select cron.schedule('{JOB}', '0 * * * *', '{REFRESH}')")
    database.run("select cron.unschedule('nightly')")
    database.run("drop materialized view public.never_refreshed")
    database.run("drop index public.half_built")
    admin.run("create index by_session on public.chat_telemetry (session_id)")
    database.run(
        "create index idx_chat_telemetry_model_duration on public.chat_telemetry (model, created_at) include (duration_ms)"
    )


@pytest.mark.acceptance
def test_all_planted_faults_are_found_in_one_run_told_once_and_over_when_mended(
    demo_url: str, demo_admin_url: str, tmp_path: Path
) -> None:
    """Else one trouble hides another on the night when several come together."""
    database, admin = Database(demo_url), Database(demo_admin_url)
    admin.run("create index by_session on public.chat_telemetry (session_id)")
    assert (
        run_dag("deploy_migrations", demo_url, PROJECT / "sql" / "migrations", {"approval": "none"}).state == "success"
    )

    def monitor() -> Result:
        return run_dag("monitor_database", demo_url, tmp_path, {"thresholds": LIMITS})

    ask(demo_url)
    assert alerts(monitor()) == {}
    ask(demo_url)
    assert alerts(monitor()) == {}

    using = plant(database, admin)
    with ExitStack() as stack:
        stack.enter_context(held(demo_url, "select 1", application="forgotten"))
        locker = stack.enter_context(
            held(
                demo_url,
                "refresh materialized view public.chat_telemetry_model_summary",
                application="long reader",
            )
        )
        most = int(database.value("show max_connections"))
        used = int(admin.value("select count(*) from pg_stat_activity where backend_type = 'client backend'"))
        for _ in range(int(most * 0.9) - used):
            stack.enter_context(psycopg.connect(demo_url))
        first, second = monitor(), monitor()

    found = alerts(first)
    slow = {name: cause for name, cause in found.items() if name.startswith("slow_queries ")}
    assert sorted(name for name in found if name not in slow) == [
        "access_drift policy public.conversations.conversations_select",
        "connections the server",
        "cron_failures nightly",
        "dropped_by_hand index public.by_session",
        "dropped_by_hand index public.idx_chat_telemetry_model_duration",
        "idle_in_transaction postgres (forgotten)",
        "idle_in_transaction postgres (long reader)",
        "invalid_indexes public.half_built",
        "security_lints materialized_view_open_to_the_api public.never_refreshed",
        "view_freshness public.chat_telemetry_domain_summary",
        "view_freshness public.chat_telemetry_model_summary",
        "view_freshness public.never_refreshed",
    ]
    assert "-> true" in found["access_drift policy public.conversations.conversations_select"]
    assert f"its job {JOB} of pg_cron was deleted" in found["view_freshness public.chat_telemetry_domain_summary"]
    assert f"pid {locker} (postgres, long reader" in found["view_freshness public.chat_telemetry_model_summary"]
    assert "no space left" in found["cron_failures nightly"]
    made_slow = [cause for cause in slow.values() if "session_id = $1" in cause]
    assert len(made_slow) == 1
    assert "index public.by_session on public.chat_telemetry was dropped by hand and is the suspect" in made_slow[0]
    assert len([cause for cause in slow.values() if "of_the_new_release" in cause]) == 1
    assert (first.state, second.state) == ("success", "success")
    assert (len(first.notices), [line for line in second.notices if "began" in line]) == (1, [])

    mend(database, admin, using)
    ask(demo_url)
    mended = monitor()

    assert alerts(mended) == {}
    assert len(mended.notices) == 1
