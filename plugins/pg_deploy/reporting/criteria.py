"""The guide's twelve success criteria, each judged from evidence: met, not met, not applicable, not visible from SQL.

A migration says in migration.yaml which of its checks and benchmarks prove which criterion (`criteria:`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.backup.evidence import judge_backup
from pg_deploy.deployment.access_judgement import ACCESS
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.migrations.manifest import CriterionName, Manifest
from pg_deploy.presentation.marks import is_settled, undeclared_differences


@dataclass(frozen=True)
class Criterion:
    """One criterion of the guide with its verdict and what it rests on."""

    title: str
    verdict: str
    evidence: str


@dataclass(frozen=True)
class Judged:
    """One migration of the run: whether it is deployed, whether anything of it was begun, and its evidence."""

    manifest: Manifest
    is_deployed: bool
    was_begun: bool
    evidence: tuple[Evidence, ...]


NOT_REACHED = "not reached"
_FROM_EVIDENCE: tuple[tuple[CriterionName, str], ...] = (
    ("indexes_visible_and_used", "new indexes visible and being used"),
    ("metadata_function_works", "metadata update function working"),
    ("rls_policies_correct", "RLS policies functioning correctly (security verified)"),
    ("views_populated", "materialized views populated with data"),
    ("cron_job_scheduled", "cron job scheduled and running"),
    ("dashboards_faster", "dashboard load times improved 50-80 %"),
    ("analytics_faster", "analytics queries 20-30 % faster"),
)


def judge_criteria(migrations: Sequence[Judged], deployment_evidence: Sequence[Evidence]) -> tuple[Criterion, ...]:
    """All twelve in the guide's order. Pure."""
    deployed = sum(each.is_deployed for each in migrations)
    begun = any(each.was_begun for each in migrations)
    whole = "met" if deployed == len(migrations) else "not met" if begun else NOT_REACHED
    judged = [
        Criterion(
            "all migrations applied without errors", whole, f"{deployed} of {len(migrations)} applied and verified"
        ),
        Criterion("database backup exists and is valid", *judge_backup(deployment_evidence)),
    ]
    judged += [_from_evidence(name, title, migrations) for name, title in _FROM_EVIDENCE]
    judged.append(Criterion("no increase in error rates", "not visible from SQL", "watch the API's error rate"))
    judged.append(_access(migrations))
    judged.append(
        Criterion("application logs show no new errors", "not visible from SQL", "look at the application's own logs")
    )
    return tuple(judged)


def _from_evidence(name: CriterionName, title: str, migrations: Sequence[Judged]) -> Criterion:
    about = [(each, wanted) for each in migrations for wanted in each.manifest.criteria.get(name, ())]
    held = [(wanted, _holds(wanted, each.evidence)) for each, wanted in about]
    proofs = [(wanted, holds and each.is_deployed) for (each, _), (wanted, holds) in zip(about, held, strict=True)]
    if about and not any(each.was_begun for each, _ in about):
        on_copy = "held on the copy; " if all(holds for _, holds in held) else ""
        return Criterion(title, NOT_REACHED, f"{on_copy}nothing that it is about was applied by this run")
    if not proofs:
        return Criterion(title, "not applicable", "no migration of this run is about it")
    failed = [wanted for wanted, holds in proofs if not holds]
    if failed:
        return Criterion(title, "not met", f"see {', '.join(each.replace('_', ' ') for each in failed)}")
    return Criterion(title, "met", ", ".join(wanted.replace("_", " ") for wanted, _ in proofs))


def _holds(name: str, rows: Sequence[Evidence]) -> bool:
    found = [row for row in rows if row.name == name and row.kind in ("check", "benchmark")]
    if not found:
        return False
    here = [row for row in found if row.location == "target"]
    rehearsed = [row for row in found if row.location == "rehearsal"]
    if found[-1].kind == "check":
        # What runs on a quiet copy only is proven there.
        last = (here or rehearsed)[-1]
        return last.outcome == "passed" or (last.outcome == "not run" and bool(rehearsed) and _passed(rehearsed[-1]))
    # Before and after in turn, on one quiet copy: that comparison is the authority.
    last = (rehearsed or here)[-1]
    return last.outcome == "kept" and last.detail.get("goal_met") is not False


def _passed(row: Evidence) -> bool:
    return row.outcome == "passed"


def _access(migrations: Sequence[Judged]) -> Criterion:
    title = "no unauthorized data access"
    by_checks = _from_evidence("no_unauthorized_access", title, migrations)
    proofs = [row for each in migrations for row in each.evidence if row.kind == ACCESS]
    against = [sentence for row in proofs for sentence in row.detail.get("against", ())]
    if against:
        return Criterion(title, "not met", f"{against[0]}" + (f", and {len(against) - 1} more" if against[1:] else ""))
    nobody = [sentence for row in proofs for sentence in undeclared_differences(row.detail, row.outcome)]
    if nobody:
        more = f", and {len(nobody) - 1} more" if nobody[1:] else ""
        return Criterion(title, "not declared", f"nobody said that this is meant: {nobody[0]}{more}")
    if by_checks.verdict in ("not met", NOT_REACHED):
        return by_checks
    said = dict.fromkeys(str(row.detail.get("verdict")) for row in proofs)
    if migrations and not any(each.was_begun for each in migrations):
        return Criterion(title, NOT_REACHED, "nothing was applied by this run")
    if not said:
        if by_checks.verdict != "not applicable":
            return by_checks
        return Criterion(title, "not applicable", "no migration of this run was asked about access")
    settled = all(is_settled(verdict) for verdict in said)
    return Criterion(title, "met" if settled else "not proven", "; ".join(said))
