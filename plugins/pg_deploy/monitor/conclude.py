"""The end of a run: it opens and ends alerts, writes the page, and tells what nobody was told yet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pg_deploy.monitor import samples
from pg_deploy.monitor.judge import News, find_breaches, mark_told, read_news, read_open_alerts, sync_alerts
from pg_deploy.monitor.measures import monitor_session
from pg_deploy.monitor.page import cut_lines, page_lines
from pg_deploy.monitor.samples import Sample
from pg_deploy.monitor.thresholds import Thresholds
from pg_deploy.monitor.watch import watch_deployment
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.presentation.lines import log_lines, plain_lines

# A notice is read on a telephone: so many alerts of a kind, and so many bytes.
_TOLD, _LONGEST = 20, 30_000


@dataclass(frozen=True)
class Conclusion:
    """How many alerts are open, of how many nobody was told before this run, and what could not be measured."""

    open: int
    started: int
    problems: tuple[str, ...]


def conclude(
    target: Target,
    thresholds: Thresholds,
    sample_id: int,
    *,
    tell: Callable[[str, str], bool],
    contacts: str,
    log: logging.Logger,
    link: str = "",
) -> Conclusion:
    """Judge a sample, write the page into the log, and tell the news with `tell(subject, text)`.

    `link` is the address of the page that shows everything. If `tell` answers false, the news was not delivered, and the next run
    tells it.
    """
    with monitor_session(target, "monitor report") as connection:
        sample, measured = samples.read_sample(connection, sample_id)
        with connection.transaction():
            # The verdict is evidence once; a run that fails after it must not be the only one that knew the report.
            watched = watch_deployment(
                connection, thresholds.watch, samples.read_last_deployment(connection), target.name
            )
            if watched.report:
                samples.put_memory(connection, sample, samples.UNTOLD_REPORT, {"report": watched.report})
        if watched.measured:
            measured.append(watched.measured)
            samples.put_measures(connection, sample, [watched.measured])
        breaches = find_breaches(measured, thresholds)
        sync_alerts(connection, breaches, measured, thresholds, link)
        fresh = read_news(connection, thresholds.remind_after)
        alerts = read_open_alerts(connection)
        lines = page_lines(
            target.name,
            sample.taken_at,
            measured,
            alerts,
            breaches,
            before=samples.read_time_of_sample_before(connection, sample),
            watch=watched.lines,
            contacts=contacts,
        )
        log_lines(lines, log)
        for alert in fresh.ended[:_TOLD]:
            log.info("over since %s: %s", f"{alert.ended_at:%Y-%m-%d %H:%M} UTC", alert.line)
        if len(fresh.ended) > _TOLD:
            log.info("and %d more alerts are over", len(fresh.ended) - _TOLD)
        if watched.report:
            log.info("::group::the last report of the watch, Markdown to commit")
            for line in watched.report.splitlines():
                log.info("%s", line)
            log.info("::endgroup::")
        tell_last_report(connection, sample, target.name, tell)
        if fresh and tell(*_notice(target.name, fresh)):
            mark_told(connection, fresh)
        samples.mark_judged(connection, sample)
    failed = tuple(f"{one.measure}: {one.problem}" for one in measured if one.failed)
    return Conclusion(len(alerts), len(fresh.started), failed)


def tell_last_report(connection: Connection, sample: Sample, target: str, tell: Callable[[str, str], bool]) -> None:
    """Tell the last report of a watch, if one is remembered, and forget it once it was delivered. Commits once at most."""
    report = samples.read_memory(connection, samples.UNTOLD_REPORT).get("report")
    if report and tell(f"{target}: {report.splitlines()[0].lstrip('# ')}", report):
        samples.put_memory(connection, sample, samples.UNTOLD_REPORT, {})


def _notice(target: str, fresh: News) -> tuple[str, str]:
    """The subject and the text of a notice."""
    groups = (("began", fresh.started), ("still open", fresh.reminders), ("ended", fresh.ended))
    counts = ", ".join(f"{len(alerts)} {word}" for word, alerts in groups if alerts)
    lines = []
    for word, alerts in groups:
        for alert in alerts[:_TOLD]:
            lines.append(f"{word}: {alert.line}")
            if alert.ended_at is None:
                lines.append(f"  what to do: {alert.what_to_do}")
        if len(alerts) > _TOLD:
            lines.append(f"{word}: {len(alerts) - _TOLD} more, which stand in the log and on the page")
    told = cut_lines(plain_lines(lines), _LONGEST, "the rest stands in the log and on the page")
    return f"{target}: alerts, {counts}", "\n".join(line.text for line in told)
