"""The workload section of a run's page, as values."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.workload import Effect, Tally, WorkloadFinding, WorkloadOutcome, WorkloadProof
from pg_deploy.ui.workload_section import make_workload_section, plan_text

PLAN = json.dumps(
    [
        {
            "Plan": {
                "Node Type": "Aggregate", "Startup Cost": 1, "Total Cost": 2, "Plan Rows": 1,
                "Plans": [
                    {
                        "Node Type": "Index Scan", "Index Name": "orders_pkey", "Relation Name": "orders", "Startup Cost": 0.2,
                        "Total Cost": 8.3, "Plan Rows": 1, "Index Cond": "(id = $1)",
                    }
                ],
            }
        }
    ]
)  # fmt: skip


def _row(proof: WorkloadProof) -> Evidence:
    now = datetime.now(timezone.utc)
    return Evidence(
        1, 1, None, "1", "rehearsal", Kind.WORKLOAD_PROOF, proof.name, proof.outcome, proof.to_detail(), now
    )


def test_a_finding_shows_its_place_both_plans_and_no_secret() -> None:
    """A reviewer decides by this."""
    text = "select note, token = 'hunter2hunter2'\nfrom orders"
    found = WorkloadFinding(
        Effect.BROKEN, text, "it is gone", id="0123abcd", roles=("app",), calls_a_day=40_000.0, line="select note", caret=7,
        before_plan=PLAN, after_plan=PLAN,
    )  # fmt: skip
    proof = WorkloadProof(
        "one", WorkloadOutcome.BREAKS, "breaks 1 statement", (Tally(Effect.BROKEN, 1, 40_000.0),), (found,), asked=5, recorded=5,
        calls_askable=1.0,
    )  # fmt: skip

    section = make_workload_section(_row(proof))

    (shown,) = section.findings
    assert (section.tone, section.tallies, shown.often) == ("bad", "1 broken", "app, 40,000 calls a day")
    assert shown.pointed == "select note\n       ^"
    assert [side for side, _ in shown.plans] == ["before", "after"]
    assert "hunter2" not in shown.text


def test_a_plan_reads_as_explain_prints_it() -> None:
    """Nobody reads plans as JSON."""
    assert plan_text(PLAN).splitlines() == [
        "Aggregate  (cost=1.00..2.00 rows=1)",
        "  -> Index Scan using orders_pkey on orders  (cost=0.20..8.30 rows=1)",
        "       Index Cond: (id = $1)",
    ]
    assert plan_text('[{"Plan": ***}]') == '[{"Plan": ***}]'
