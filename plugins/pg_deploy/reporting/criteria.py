"""The success criteria that the project states, each judged from evidence: met, not met, not applicable, not visible from SQL.

A migration says in migration.yaml which of its checks and benchmarks prove which criterion (`criteria:`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.backup.evidence import judge_backup
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.access import AccessFound
from pg_deploy.ledger.kinds.benchmark import BenchmarkOutcome, read_benchmark
from pg_deploy.ledger.kinds.check import CheckOutcome
from pg_deploy.ledger.kinds.report import Criterion, Verdict
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.migrations.project_criteria import StatedCriterion


@dataclass(frozen=True)
class MigrationResult:
    """One migration of the run: whether it is deployed, whether anything of it was begun, and its evidence."""

    manifest: Manifest
    is_deployed: bool
    was_begun: bool
    evidence: tuple[Evidence, ...]


def judge_criteria(
    stated: Sequence[StatedCriterion],
    migrations: Sequence[MigrationResult],
    deployment_evidence: Sequence[Evidence],
    *,
    backup: str,
) -> tuple[Criterion, ...]:
    """The verdict of each criterion that the project states, in its order; `backup` is the conf's word. Pure."""
    return tuple(Criterion(each.text, *_judge(each, migrations, deployment_evidence, backup)) for each in stated)


def _judge(
    stated: StatedCriterion,
    migrations: Sequence[MigrationResult],
    deployment_evidence: Sequence[Evidence],
    backup: str,
) -> tuple[Verdict, str]:
    if stated.judged_by == "deployed":
        return _deployed(migrations)
    if stated.judged_by == "backup":
        return judge_backup(deployment_evidence, backup)
    if stated.judged_by == "proofs":
        return _from_evidence(stated.name, migrations)
    if stated.judged_by == "access":
        return _access(stated.name, migrations)
    return Verdict.NOT_VISIBLE, stated.look or "look at it yourself"


def _deployed(migrations: Sequence[MigrationResult]) -> tuple[Verdict, str]:
    deployed = sum(each.is_deployed for each in migrations)
    begun = any(each.was_begun for each in migrations)
    verdict = Verdict.MET if deployed == len(migrations) else Verdict.NOT_MET if begun else Verdict.NOT_REACHED
    return verdict, f"{deployed} of {len(migrations)} applied and verified"


def _from_evidence(name: str, migrations: Sequence[MigrationResult]) -> tuple[Verdict, str]:
    about = [(each, wanted) for each in migrations for wanted in each.manifest.criteria.get(name, ())]
    held = [(wanted, _holds(wanted, each.evidence)) for each, wanted in about]
    proofs = [(wanted, holds and each.is_deployed) for (each, _), (wanted, holds) in zip(about, held, strict=True)]
    if about and not any(each.was_begun for each, _ in about):
        on_copy = "held on the copy; " if all(holds for _, holds in held) else ""
        return Verdict.NOT_REACHED, f"{on_copy}nothing that it is about was applied by this run"
    if not proofs:
        return Verdict.NOT_APPLICABLE, "no migration of this run is about it"
    failed = [wanted for wanted, holds in proofs if not holds]
    if failed:
        return Verdict.NOT_MET, f"see {', '.join(each.replace('_', ' ') for each in failed)}"
    return Verdict.MET, ", ".join(wanted.replace("_", " ") for wanted, _ in proofs)


def _holds(name: str, rows: Sequence[Evidence]) -> bool:
    found = [row for row in rows if row.name == name and row.kind in (Kind.CHECK, Kind.BENCHMARK)]
    if not found:
        return False
    here = [row for row in found if not row.is_of_copy]
    rehearsed = [row for row in found if row.is_of_copy]
    if found[-1].kind == Kind.CHECK:
        # What runs on a quiet copy only is proven there.
        last = (here or rehearsed)[-1].outcome
        on_copy = rehearsed[-1].outcome if rehearsed else None
        return last == CheckOutcome.PASSED or (last == CheckOutcome.NOT_RUN and on_copy == CheckOutcome.PASSED)
    # Before and after in turn, on one quiet copy: that comparison is the authority.
    benchmark = read_benchmark((rehearsed or here)[-1])
    return benchmark.outcome == BenchmarkOutcome.KEPT and benchmark.goal_met is not False


def _access(name: str, migrations: Sequence[MigrationResult]) -> tuple[Verdict, str]:
    by_checks = _from_evidence(name, migrations)
    proofs = [AccessFound.from_row(row) for each in migrations for row in each.evidence if row.kind == Kind.ACCESS]
    against = [sentence for proof in proofs for sentence in proof.against]
    if against:
        return Verdict.NOT_MET, f"{against[0]}" + (f", and {len(against) - 1} more" if against[1:] else "")
    nobody = [sentence for proof in proofs for sentence in proof.undeclared]
    if nobody:
        more = f", and {len(nobody) - 1} more" if nobody[1:] else ""
        return Verdict.NOT_DECLARED, f"nobody said that this is meant: {nobody[0]}{more}"
    if by_checks[0] in (Verdict.NOT_MET, Verdict.NOT_REACHED):
        return by_checks
    said = dict.fromkeys(proof.words for proof in proofs)
    if migrations and not any(each.was_begun for each in migrations):
        return Verdict.NOT_REACHED, "nothing was applied by this run"
    if not said:
        if by_checks[0] != Verdict.NOT_APPLICABLE:
            return by_checks
        return Verdict.NOT_APPLICABLE, "no migration of this run was asked about access"
    settled = all(proof.is_settled for proof in proofs)
    return Verdict.MET if settled else Verdict.NOT_PROVEN, "; ".join(said)
