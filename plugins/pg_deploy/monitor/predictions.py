"""What the rehearsal predicted for the recorded statements, compared with what they cost since the deployment.

A prediction that was wrong wakes nobody: a slow query is an alert of `slow_queries`. It says how far the next one may be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.workload import Effect, Workload, WorkloadOutcome, WorkloadProof
from pg_deploy.monitor import samples
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.query_measures import SLOW, windows_by_key
from pg_deploy.monitor.samples import EndedDeployment, Sample
from pg_deploy.monitor.slow_queries import find_slower, usual_ms
from pg_deploy.monitor.statements import Counters, StatementCounter, Window, windows_between
from pg_deploy.monitor.thresholds import StatementLimits, Thresholds
from pg_deploy.postgres.session import Connection

MEASURE = "predictions"
# So many calls since the deployment say what a statement costs now.
_ENOUGH_CALLS = 20
_FAILING = (Effect.BROKEN, Effect.FORBIDDEN, Effect.INSERT_REFUSED)
# These say that a statement may get slower, or nothing about its time, so that they cannot be wrong.
_NEVER_WRONG = frozenset({Effect.COSTLIER, Effect.NO_STATISTICS, Effect.NOT_ASKABLE})


@dataclass(frozen=True)
class Prediction:
    """What was predicted for one statement, and its counter at the first look after the deployment.

    `times` is how many times slower it got on the copy, None if that was not measured.
    """

    id: str
    role: str
    effect: Effect
    first_counter: StatementCounter
    times: float | None = None

    @property
    def object(self) -> str:
        """Its name on the page."""
        return f"statement {self.id} of {self.role}"


def measure_predictions(
    connection: Connection, sample: Sample, thresholds: Thresholds, deployed: EndedDeployment | None
) -> list[Measured]:
    """The predictions of the last deployment that were wrong, while it is watched; nothing if none were made. Commits once at most.

    Call it after the sample's counters were written.
    """
    if deployed is None or (sample.taken_at - deployed.ended_at).total_seconds() > thresholds.watch.lasts:
        return []
    counters = samples.read_last_counters(connection)
    if counters is None or counters.problem:
        return []
    memory = samples.read_memory(connection, samples.PREDICTIONS_MEMORY)
    if memory.get("deployment") != deployed.id:
        memory = _as_json(deployed, _read_predictions(connection, deployed.id, counters), counters)
        samples.put_memory(connection, sample, samples.PREDICTIONS_MEMORY, memory)
    predictions = _from_json(memory)
    if not predictions:
        return []
    was_reset = memory["reset_at"] != counters.reset_at
    first = {} if was_reset else {key: one.first_counter for key, one in predictions.items()}
    now = {key: counters.by_key[key] for key in predictions if key in counters.by_key}
    windows_since = windows_between(Counters(first), Counters(now))
    history = samples.read_statement_history(
        connection, thresholds.statements.windows, slow_measure=SLOW, before=deployed.ended_at
    )
    return [judge_predictions(deployed.id, predictions, windows_since, windows_by_key(history), thresholds.statements)]


def judge_predictions(
    deployment: int,
    predictions: Mapping[str, Prediction],
    windows_since: Mapping[str, Window],
    windows_before: Mapping[str, list[Window]],
    limits: StatementLimits,
) -> Measured:
    """A row that counts how many predictions could be judged, and one for each that was wrong, the slowest first. Pure.

    `windows_since` is what each statement cost since the deployment, `windows_before` what it cost before. A statement is slower by
    the rules of `slow_queries`: clearly above its own history, and not because the whole server is slower.
    """
    first_counters = {key: one.first_counter for key, one in predictions.items()}
    slower = {one.key for one in find_slower(windows_since, windows_before, first_counters, limits)}
    judged, wrong = 0, []
    for key, one in predictions.items():
        window = windows_since.get(key)
        usual = usual_ms(windows_before.get(key, ()), one.first_counter, limits)
        outcome = None
        if one.effect in _FAILING:
            # A call that fails is counted nowhere.
            judged += 1
            if window is not None and window.calls >= limits.calls:
                outcome = f"and was called {window.calls:.0f} times without an error"
        elif window is not None and window.calls >= _ENOUGH_CALLS and usual is not None:
            judged += 1
            # Nearer to what it took than to what was predicted.
            if one.effect is Effect.SLOWER and window.mean_ms < usual * math.sqrt(one.times or limits.times_slower):
                outcome = f"takes {window.mean_ms:.3g} ms, and took {usual:.3g} ms before,"
            elif one.effect is not Effect.SLOWER and key in slower:
                outcome = f"takes {window.mean_ms:.3g} ms instead of {usual:.3g} ms"
        if outcome is not None and window is not None:
            predicted = f"predicted {one.effect}" + (f" ({one.times:.3g} times)" if one.times else "")
            wrong.append(_wrong_row(one, key, window, f"{predicted}, {outcome} since deployment {deployment}"))
    count = Row(f"deployment {deployment}", judged or None, "statements", {"wrong": len(wrong), "alert": False})
    return Measured(MEASURE, (count, *sorted(wrong, key=lambda row: row.value or 0, reverse=True)))


def _wrong_row(one: Prediction, key: str, window: Window, cause: str) -> Row:
    advice = (
        "compare its plan with the one that the deployment's page shows: the copy's rows, statistics or settings differ"
    )
    detail = {"cause": cause, "do": advice, "worth_a_look": True, "key": key, "predicted": str(one.effect)}
    return Row(one.object, round(window.mean_ms, 3), "ms", detail)


def _read_predictions(connection: Connection, deployment: int, counters: Counters) -> dict[str, Prediction]:
    """What the deployment's rehearsal predicted for each recorded statement, by key. Reads only."""
    recorded = evidence.of_deployment(connection, deployment, Kind.WORKLOAD)
    rows = evidence.of_deployment(connection, deployment, Kind.WORKLOAD_PROOF)
    # A rehearsal that was tried again proves anew.
    newest = {row.version or row.name: row for row in rows if row.is_of_copy}
    proofs = [WorkloadProof.from_row(row) for row in newest.values()]
    proofs = [one for one in proofs if one.outcome is not WorkloadOutcome.NOT_ASKED]
    if not recorded or not proofs:
        return {}
    found: dict[str, set[Effect]] = {}
    times: dict[str, float] = {}
    for finding in (each for proof in proofs for each in proof.findings):
        found.setdefault(finding.id, set()).add(finding.effect)
        if finding.effect is Effect.SLOWER and finding.before_ms and finding.after_ms:
            times[finding.id] = times.get(finding.id, 1.0) * finding.after_ms / finding.before_ms
    # A statement that is as before has no finding, and the findings beyond the first so many are not kept.
    answered = set(found)
    if not any(_is_cut(proof) for proof in proofs):
        answered |= {each for proof in proofs for each in proof.answered}
    predicted = {}
    for statement in Workload.from_row(recorded[-1]).statements:
        effect = _combined_effect(found.get(statement.id, ()))
        if effect is None or statement.id not in answered:
            continue
        counter = counters.by_key.get(statement.key, StatementCounter(0, 0, 0))
        slower = times.get(statement.id) if effect is Effect.SLOWER else None
        predicted[statement.key] = Prediction(statement.id, statement.role, effect, counter, slower)
    return predicted


def _is_cut(proof: WorkloadProof) -> bool:
    counted = sum(each.statements for each in proof.tallies if each.effect is not Effect.AS_BEFORE)
    return counted > len(proof.findings)


def _combined_effect(effects: Collection[Effect]) -> Effect | None:
    """What several migrations together do to a statement; None if nothing was predicted that can be wrong."""
    fails = [each for each in _FAILING if each in effects]
    if fails:
        return fails[0]
    if _NEVER_WRONG & set(effects) or {Effect.SLOWER, Effect.CHEAPER} <= set(effects):
        return None
    return next((each for each in (Effect.SLOWER, Effect.CHEAPER) if each in effects), Effect.AS_BEFORE)


def _as_json(deployed: EndedDeployment, predictions: Mapping[str, Prediction], counters: Counters) -> dict[str, Any]:
    return {
        "deployment": deployed.id,
        "reset_at": counters.reset_at,
        "statements": {
            key: [
                one.id,
                one.role,
                str(one.effect),
                one.times,
                one.first_counter.calls,
                round(one.first_counter.total_ms, 3),
                one.first_counter.blocks,
            ]
            for key, one in predictions.items()
        },
    }


def _from_json(memory: Mapping[str, Any]) -> dict[str, Prediction]:
    return {
        key: Prediction(id_, role, Effect(effect), StatementCounter(*numbers), times)
        for key, (id_, role, effect, times, *numbers) in memory["statements"].items()
    }
