"""Generated rollbacks of one fact or two, made by hand. No server is needed."""

from __future__ import annotations

import pytest

from pg_deploy.rollback.generator.columns import why_lossy
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.facts import fact, facts


def test_a_paused_job_that_comes_back_leaves_another_of_the_same_command_running() -> None:
    """Only the job itself is paused: it was found by schedule and command, which another may have as well."""
    shared = {"schedule": "0 3 * * *", "command": "select 1", "database": "this database", "user": "app"}
    paused, running = (fact("cron job", name, **shared, active=name == "running") for name in ("paused", "running"))
    sql = generate_rollback(facts(paused, running), facts(running)).sql
    paused_only = "where j.jobname = 'paused' and j.username = 'app' and j.schedule = '0 3 * * *';"
    assert " ".join(sql.split("active := false")[1].split()).endswith(paused_only)


def test_an_attribute_with_quotes_in_its_name_is_dropped_by_its_whole_name() -> None:
    """A quote within a quoted name is written twice, and does not end it."""
    before = fact("type", "public.t", owner="app", composite=["a integer"])
    after = fact("type", "public.t", owner="app", composite=["a integer", '"b""c d" text'])
    assert 'alter type public.t drop attribute "b""c d";' in generate_rollback(facts(before), facts(after)).sql


@pytest.mark.parametrize(
    ("old", "new", "is_lossy"),
    [
        ("numeric(10,2)", "numeric(12,2)", False),
        ("numeric(10,2)", "numeric(12,4)", True),
        ("numeric(10,2)", "numeric(8,2)", True),
        ("numeric(10,2)", "numeric", True),
        ("numeric(3,-2)", "numeric(5,-2)", False),
        ("numeric(3,-2)", "numeric(5,2)", True),
    ],
)
def test_a_numeric_type_is_changed_back_only_if_no_digit_can_be_lost(old: str, new: str, is_lossy: bool) -> None:
    """A scale may be negative since PostgreSQL 15: that ended in an error of ours."""
    assert (why_lossy(old, new) is not None) is is_lossy
