"""The rules for slow queries, case by case: what load explains is no alert."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pg_deploy.monitor.earlier_slow_queries import judge_earlier_slow_queries, make_slow_row
from pg_deploy.monitor.query_measures import names_view
from pg_deploy.monitor.slow_queries import SlowQuery, find_new_and_slow, find_slower, is_query
from pg_deploy.monitor.statements import StatementCounter, Window
from pg_deploy.monitor.thresholds import StatementLimits

LIMITS = StatementLimits()
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=timezone.utc)


def usually(mean_ms: float, blocks: float = 10, runs: int = 10) -> list[Window]:
    """A history of equal windows."""
    return [Window(50, mean_ms, blocks)] * runs


def test_a_query_that_reads_more_and_takes_longer_is_slow() -> None:
    """Else a dropped index goes unseen where each call is still under a second."""
    found = find_slower({"1/10": Window(20, 60, 5000)}, {"1/10": usually(2)}, {}, LIMITS)

    assert [(one.object, one.before_ms, one.reads_more) for one in found] == [("query 1", 2, True)]


def test_a_short_history_is_enough_for_a_great_difference_and_not_for_a_small_one() -> None:
    """Else what was called seven times before its index was dropped is not known, or seven calls of one tenant are the rule."""
    long_term = {"1/10": StatementCounter(7, 7 * 1.0, 70), "2/10": StatementCounter(7, 7 * 20.0, 70)}

    found = find_slower({"1/10": Window(7, 30, 5000), "2/10": Window(7, 100, 5000)}, {}, long_term, LIMITS)

    assert [one.object for one in found] == ["query 1"]


def test_load_that_slows_all_queries_makes_none_of_them_slow() -> None:
    """Else each busy hour wakes somebody."""
    keys = [f"{number}/10" for number in range(6)]

    found = find_slower({key: Window(50, 60, 10) for key in keys}, {key: usually(4) for key in keys}, {}, LIMITS)

    assert found == []


def test_a_query_slower_than_everything_else_is_told_whatever_it_reads() -> None:
    """Else a function that got slow hides behind its few blocks."""
    keys = [f"{number}/10" for number in range(6)]
    now = {key: Window(50, 8, 10) for key in keys} | {"0/10": Window(50, 200, 10)}

    found = find_slower(now, {key: usually(4) for key in keys}, {}, LIMITS)

    assert [one.object for one in found] == ["query 0"]


def test_a_tenant_whose_rows_are_many_is_not_news_each_time() -> None:
    """Else a query whose parameters decide its time is an alert on every other day."""
    history = [*usually(1, 10, 40), *[Window(5, 120, 6000)] * 5]

    assert find_slower({"1/10": Window(5, 130, 6500)}, {"1/10": history}, {}, LIMITS) == []


def test_a_new_query_that_only_load_slows_is_not_bad_and_one_that_is_never_quick_is() -> None:
    """Else each release under load brings false alarms, or a bad query passes for a loaded one."""
    now = {"1/10": Window(100, 700, 10), "2/10": Window(100, 700, 10), "3/10": Window(4, 3000, 10)}
    counters = {"1/10": StatementCounter(100, 70000, 1000, 40), "2/10": StatementCounter(100, 70000, 1000, 300)}
    counters["3/10"] = StatementCounter(4, 12000, 40, 5)

    found = find_new_and_slow(now, counters, {}, LIMITS)

    assert sorted(one.object for one in found) == ["query 2", "query 3"]


def test_a_slow_query_stays_an_alert_until_it_was_seen_quick_again() -> None:
    """Else a query that is not called for a quarter of an hour counts as mended, and is told anew each time."""
    slow = SlowQuery("1/10", Window(20, 60, 5000), 2, 10, reads_more=True)
    row = make_slow_row(slow, NOW, NOW, None, "select 1")
    later = NOW + timedelta(minutes=15)

    still, waiting = judge_earlier_slow_queries([row], {}, later, LIMITS)
    assert (still, [one.object for one in waiting]) == ({}, ["query 1"])
    assert "hardly called since 2026-03-04 12:00 UTC" in waiting[0].detail["cause"]

    still, waiting = judge_earlier_slow_queries(waiting, {"1/10": Window(20, 55, 5000)}, later, LIMITS)
    assert (list(still), waiting) == (["1/10"], [])

    assert judge_earlier_slow_queries([row], {"1/10": Window(20, 2.5, 12)}, later, LIMITS) == ({}, [])
    assert judge_earlier_slow_queries([row], {}, NOW + timedelta(hours=2), LIMITS) == ({}, [])


def test_a_new_bad_query_is_over_when_nobody_calls_it_any_more() -> None:
    """Else what somebody ran once by hand stays open for an hour."""
    row = make_slow_row(SlowQuery("1/10", Window(4, 900, 5), None, None), NOW, NOW, None, "select 1")

    assert judge_earlier_slow_queries([row], {}, NOW + timedelta(minutes=15), LIMITS) == ({}, [])
    still, _ = judge_earlier_slow_queries([row], {"1/10": Window(4, 900, 5)}, NOW + timedelta(minutes=15), LIMITS)
    assert list(still) == ["1/10"]


def test_a_statement_of_ours_is_no_query_of_the_application_whatever_the_ledger_is_called() -> None:
    """Else the monitor of a project with a ledger of its own name tells of its own statements, as what is slow."""
    ledgers = ("deploy_ledger", "ops", "Our History")

    for own in (
        "insert into ops.sample values ($1)",
        'select count(*) from "Our History".attempt',
        'update "ops".alert set a = $1',
    ):
        assert not is_query(own, ledgers)
    assert not is_query("select $1 from deploy_ledger.attempt", ("deploy_ledger",))
    for theirs in ("select * from shops.orders", "select ops from public.t", "insert into ops_old.sample values ($1)"):
        assert is_query(theirs, ledgers)
    assert is_query(None, ledgers)
    assert not is_query("vacuum public.t", ledgers)


def test_a_query_counts_for_the_view_that_it_names_and_for_no_other() -> None:
    """Else calls of sales_totals_old show that somebody uses the new view sales_totals, which nobody does."""
    for text in (
        "select * from sales_totals",
        "select * from public.sales_totals t where id = $1",
        'select * from "public"."sales_totals"',
        "select sales_totals.id from sales_totals",
    ):
        assert names_view(text, "public.sales_totals"), text
    for text in (
        "select * from sales_totals_old",
        "select * from old_sales_totals",
        "select * from archive.sales_totals",
        'select * from "archive"."sales_totals"',
        "select t.sales_totals from t",
    ):
        assert not names_view(text, "public.sales_totals"), text
    assert names_view('select * from public."Sales Totals"', 'public."Sales Totals"')
