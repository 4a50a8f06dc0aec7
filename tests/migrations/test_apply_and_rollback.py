"""Each of the guide's migrations: applied, proven, undone without a trace, applied again."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.migrations.conftest import Copy
from tests.migrations.runner import INDEXES, POLICIES, STEMS, apply, connect, findings, roll_back

TABLES = (
    "organizations",
    "organization_members",
    "domains",
    "conversations",
    "messages",
    "scrape_jobs",
    "scraped_pages",
    "website_content",
    "structured_extractions",
    "chat_telemetry",
)


@pytest.mark.parametrize("stem", STEMS)
def test_a_migration_is_proven_undone_without_a_trace_and_applied_again(copy: Copy, stem: str) -> None:
    """A rollback that leaves something behind would make the next attempt fail, or leave a policy open."""
    before = copy.state()
    apply(copy.connection, stem)
    after = copy.state()
    assert after != before
    assert findings(copy.connection, stem) == {}
    roll_back(copy.connection, stem)
    assert copy.state() == before
    apply(copy.connection, stem)
    assert without_job_id(copy.state()) == without_job_id(after)
    assert findings(copy.connection, stem) == {}


def test_all_four_hold_together_and_are_undone_in_reverse(copy: Copy) -> None:
    """A check that holds only until the next migration would make every later run red."""
    before = copy.state()
    for stem in STEMS:
        apply(copy.connection, stem)
    assert {stem: findings(copy.connection, stem) for stem in STEMS} == {stem: {} for stem in STEMS}
    for stem in reversed(STEMS):
        roll_back(copy.connection, stem)
    assert copy.state() == before


@pytest.mark.parametrize("stem", STEMS)
def test_a_rollback_is_harmless_if_nothing_was_applied_and_when_run_twice(copy: Copy, stem: str) -> None:
    """A retry of a rollback that was killed would fail half way and need a person at night."""
    before = copy.state()
    roll_back(copy.connection, stem)
    assert copy.state() == before
    apply(copy.connection, stem)
    roll_back(copy.connection, stem)
    roll_back(copy.connection, stem)
    assert copy.state() == before


@pytest.mark.parametrize("built", [1, 2])
def test_the_indexes_are_undone_after_only_some_were_built(copy: Copy, built: int) -> None:
    """A build that failed between two segments would leave the first index for ever."""
    before = copy.state()
    apply(copy.connection, INDEXES, only=built)
    assert findings(copy.connection, INDEXES)
    roll_back(copy.connection, INDEXES)
    assert copy.state() == before


def test_an_invalid_index_is_found_and_undone(copy: Copy) -> None:
    """pg_indexes lists the remains of a failed build: the guide's own check would call it a success."""
    before = copy.state()
    copy.connection.execute("set statement_timeout = '300ms'")
    with connect(copy.url) as other:
        # The build waits for this older transaction and is cancelled while waiting.
        other.execute("begin")
        other.execute(
            "insert into public.chat_telemetry"
            " (session_id, domain, model, input_tokens, output_tokens, cost_usd, duration_ms)"
            " values ('test', 'test.invalid', 'test', 1, 1, 1, 1)"
        )
        with pytest.raises(psycopg.errors.QueryCanceled):
            apply(copy.connection, INDEXES, only=1)
        other.execute("rollback")
    copy.connection.execute("reset statement_timeout")
    found = findings(copy.connection, INDEXES)["three_indexes_are_valid_and_as_defined"]
    assert "not valid" in str(found[0])
    roll_back(copy.connection, INDEXES)
    assert copy.state() == before


@pytest.mark.parametrize("analyzed", [False, True])
def test_every_check_holds_on_empty_tables(copy: Copy, analyzed: bool) -> None:
    """A new project has no rows: its first deployment would be rolled back."""
    copy.connection.execute(f"truncate {', '.join(f'public.{table}' for table in TABLES)}")
    if analyzed:
        copy.connection.execute("analyze")
    for stem in STEMS:
        apply(copy.connection, stem)
    assert {stem: findings(copy.connection, stem) for stem in STEMS} == {stem: {} for stem in STEMS}


def test_every_check_holds_on_a_handful_of_rows(copy: Copy) -> None:
    """With little data the planner rightly reads whole tables; a check of plans must not take that for a fault."""
    copy.connection.execute(
        "delete from public.organizations where id not in (select id from public.organizations limit 2)"
    )
    copy.connection.execute(
        "delete from public.chat_telemetry where id not in (select id from public.chat_telemetry limit 3)"
    )
    copy.connection.execute("vacuum analyze")
    for stem in STEMS:
        apply(copy.connection, stem)
    assert {stem: findings(copy.connection, stem) for stem in STEMS} == {stem: {} for stem in STEMS}


def test_no_check_is_alarmed_by_traffic(copy: Copy) -> None:
    """A live target is written to all the time: an alarm there would undo a right migration."""
    stop = threading.Event()
    failures: list[Exception] = []

    def traffic() -> None:
        try:
            with connect(copy.url) as writer:
                while not stop.is_set():
                    for statement in TRAFFIC:
                        writer.execute(statement)
        except psycopg.Error as error:
            failures.append(error)

    writers = [threading.Thread(target=traffic) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for stem in STEMS:
            apply(copy.connection, stem)
        found = [findings(copy.connection, stem, live=True) for _ in range(4) for stem in STEMS]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failures == []
    assert [finding for finding in found if finding] == []


TRAFFIC = (
    "insert into public.chat_telemetry (session_id, domain, model, input_tokens, output_tokens, cost_usd, duration_ms)"
    " select 'test', domain, 'gpt-4o', 10, 10, 0.1, 100 from public.domains order by random() limit 3",
    "delete from public.chat_telemetry where id = (select id from public.chat_telemetry order by random() limit 1)",
    "insert into public.conversations (domain_id, session_id)"
    " select id, 'test' from public.domains order by random() limit 1",
    "update public.conversations set domain_id = (select id from public.domains order by random() limit 1)"
    " where id = (select id from public.conversations tablesample system (5) limit 1 for update skip locked)",
    "delete from public.messages where id = (select id from public.messages tablesample system (5) limit 1)",
    "insert into public.scraped_pages (domain_id, url) select id, 'test' from public.domains order by random() limit 1",
)


def test_a_missing_policy_stops_the_migration_and_leaves_nothing(copy: Copy) -> None:
    """Half of the tables would be judged by new policies, and a policy of another name would stay as it was."""
    copy.connection.execute("alter policy scraped_pages_all on public.scraped_pages rename to scraped_pages_every")
    before = copy.state()
    with pytest.raises(psycopg.errors.UndefinedObject):
        apply(copy.connection, POLICIES)
    assert copy.state() == before


def without_job_id(text: str) -> str:
    """The state without the number of the cron job, which grows with each scheduling."""
    return "\n".join(line.split(",", 1)[1] if line.startswith("(") else line for line in text.splitlines())
