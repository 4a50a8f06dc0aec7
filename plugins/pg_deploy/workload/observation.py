"""All that is observed on one side of a migration, answers to statements and what else runs there, and the comparison of two sides."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pg_deploy.access.facts.api import api_of
from pg_deploy.catalog.reader import Facts
from pg_deploy.ledger.kinds.workload import WorkloadFinding
from pg_deploy.postgres.session import Target
from pg_deploy.workload.bodies import Body, compare_bodies, new_and_broken, read_bodies
from pg_deploy.workload.jobs import Job, compare_jobs, read_jobs
from pg_deploy.workload.measuring import Measured, ToMeasure, choose_to_measure, measure, slower_findings
from pg_deploy.workload.missing_statistics import Statistics, compare_statistics, read_statistics
from pg_deploy.workload.proof import SideAnswers, compare_answers
from pg_deploy.workload.session_paths import read_session_paths
from pg_deploy.workload.tables_read import tables_read
from pg_deploy.workload.trying import choose_jobs_to_try, choose_to_try, refused_when_run

TRIED_FOR_S, MEASURED_FOR_S = 10.0, 30.0
"""For one migration, on both sides together, in seconds: how long statements are tried, and how long they are tried and measured."""
_MOST_NOTES = 5


@dataclass(frozen=True)
class Observation:
    """The database at one moment: the answers to the statements, and what else runs there."""

    side: SideAnswers
    bodies: Mapping[str, Body] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=dict)


def observe(target: Target, side: SideAnswers) -> Observation:
    """Add to the answers what else runs where they were given. The target is a superuser's on a private copy; nothing stays."""
    with target.session("workload") as connection:
        paths = read_session_paths(connection)
        all_paths = tuple(dict.fromkeys((*paths.of(""), *paths.by_role.values())))
        roles = {**{role: paths.of(role) for role in paths.by_role}, "": paths.of("")}
        return Observation(
            side, read_bodies(connection, all_paths), read_jobs(connection, roles), read_statistics(connection)
        )


def run_on_both(
    targets: tuple[Target, Target],
    seen: tuple[Observation, Observation],
    facts: tuple[Facts, Facts],
    log: logging.Logger,
    *,
    tried_s: float = TRIED_FOR_S,
    measured_s: float = MEASURED_FOR_S,
) -> tuple[Measured, ...]:
    """Run statements on both sides, before and after: some, and those of jobs, to see if they are refused, some for their time.

    All is aborted. The targets are superusers' on private copies.
    """
    before, after = seen
    answers = after.side.asked
    asked = [ToMeasure(each.statement, each.answer, answers[name].answer) for name, each in before.side.asked.items()]
    tried = *choose_to_try(asked, facts), *choose_jobs_to_try(before.jobs, after.jobs)
    timed = choose_to_measure(asked)
    log.info(
        "  workload: running statements on both sides: %d to see if they are refused, %d for their time",
        len(tried),
        len(timed),
    )
    api, started = api_of(*facts), time.monotonic()
    found = measure(*targets, tried, api=api, limit_s=tried_s)
    left = measured_s - (time.monotonic() - started)
    return (*found, *measure(*targets, timed, api=api, limit_s=left))


def compare_observations(
    before: Observation, after: Observation, facts: tuple[Facts, Facts], measured: tuple[Measured, ...] = ()
) -> tuple[WorkloadFinding, ...]:
    """What the migration between these facts does to statements, bodies, jobs and statistics; the worst first. Pure."""
    jobs = compare_jobs(before.jobs, after.jobs)
    named = {each.subject for each in jobs}
    beside = (
        *compare_bodies(before.bodies, after.bodies),
        *jobs,
        *compare_statistics(before.statistics, after.statistics, tables_read(before.side, facts[0])),
        *slower_findings(measured),
        *(each for each in refused_when_run(measured, before.jobs) if each.subject not in named),
    )
    return compare_answers(before.side, after.side, facts, beside)


def notes_beside(before: Observation, after: Observation, measured: tuple[Measured, ...]) -> Iterator[str]:
    """What is no finding and should be known: new bodies that are not right, and what could not be run."""
    yield from new_and_broken(before.bodies, after.bodies)
    without = [each for each in measured if not each.is_measured and each.after.error and each.before.error]
    if measured:
        yield f"{len(measured) - len(without)} of {len(measured)} statements chosen for it were run on both sides"
    yield from (f"{each.statement.id}: {each.sentence}" for each in without[:_MOST_NOTES])
