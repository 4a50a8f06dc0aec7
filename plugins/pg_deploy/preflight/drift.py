"""Drift: changes that somebody made by hand since the last deployment ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.majors import upgraded
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.ledger import evidence, schema, snapshot
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.run import Drifted
from pg_deploy.ledger.others import deployments_of_others
from pg_deploy.postgres.session import Connection


@dataclass(frozen=True)
class Drift:
    """The objects that differ from the state that deployment `deployment_id` left behind, one line each.

    `upgraded` is a sentence if the server's major version has changed since.
    """

    deployment_id: int
    since: datetime
    lines: tuple[str, ...]
    upgraded: str | None = None
    by_others: tuple[str, ...] = ()
    """What deployments of other projects in this database changed meanwhile: that is no drift."""


def read_drift(connection: Connection) -> Drift | None:
    """The drift since the newest kept state; None if none was kept yet. Reads only."""
    kept = snapshot.newest(connection, "deployed") if schema.exists(connection) else None
    if kept is None:
        return None
    deployment_id, facts = kept
    expected, by_others = _with_others(connection, facts)
    now = read_facts(connection)
    return Drift(deployment_id, facts.read_at, describe(compare(expected, now)), upgraded(facts, now), by_others)


def _with_others(connection: Connection, kept: Facts) -> tuple[Facts, tuple[str, ...]]:
    """The kept facts as other projects' deployments have changed them since, and what they changed, one line each."""
    lines: list[str] = []
    facts = dict(kept.by_key)
    for other in deployments_of_others(connection, kept.read_at):
        before, after = other.before.by_key, other.after.by_key
        for key in before.keys() | after.keys():
            if before.get(key) == after.get(key):
                continue
            if key in after:
                facts[key] = after[key]
            else:
                facts.pop(key, None)
        whose = f'deployment {other.deployment_id} of ledger "{other.ledger}"'
        lines += [f"{line}, by {whose}" for line in describe(compare(other.before, other.after))]
    return (replace(kept, facts=frozenset(facts.values())) if lines else kept), tuple(lines)


def drift_lines(drift: Drift | None) -> list[str]:
    """The drift for the log; empty if there is none."""
    if drift is None:
        return []
    first = [drift.upgraded] if drift.upgraded else []
    if drift.by_others:
        first += ["deployed meanwhile by other projects in this database:", *(f"  {line}" for line in drift.by_others)]
    if not drift.lines:
        return first
    count = len(drift.lines)
    head = (
        f"{count} object{'s' if count != 1 else ''} changed by hand since deployment {drift.deployment_id} ended at "
        f"{drift.since:%Y-%m-%d %H:%M} UTC:"
    )
    return [*first, head, *(f"  {line}" for line in drift.lines)]


def record_drift(connection: Connection, deployment_id: int, drift: Drift | None) -> None:
    """Keep the drift as evidence of the run that found it. Commits once."""
    if drift is not None:
        drifted = Drifted(f"since deployment {drift.deployment_id}", drift.lines)
        evidence.record(connection, deployment_id, Kind.DRIFT, drifted)


def keep_state(connection: Connection, deployment_id: int, facts: Facts | None = None) -> None:
    """Keep the facts as this run leaves them, those of now unless others are given: the next run compares with them. Commits once."""
    snapshot.save(connection, deployment_id, None, "deployed", facts or read_facts(connection))
