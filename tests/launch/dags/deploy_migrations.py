"""A toy of the real DAG: same id, same first and last task, no database."""

from __future__ import annotations

import logging

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task

from pg_deploy.migrations.folder import migrations_dir, stamp

log = logging.getLogger("pg_deploy.toy")

with DAG(
    "deploy_migrations",
    schedule=None,
    params={
        "migrations_folder": Param(stamp(migrations_dir()), type="string"),
        "approval": Param("risky", type="string", enum=["risky", "all", "none"]),
        "target": Param("target_db", type="string"),
        "fail": Param(False, type="boolean"),
    },
) as dag:

    @task
    def preflight(params: dict[str, object] | None = None) -> None:
        """Fail like a migration's error does."""
        if (params or {}).get("fail"):
            raise RuntimeError('"toy" has no column "x": add it')

    @task.branch
    def gate(params: dict[str, object] | None = None) -> str:
        """Ask a person only when the conf says so."""
        return "report" if (params or {}).get("approval") == "none" else "approve"

    @task(trigger_rule="all_done")
    def report(params: dict[str, object] | None = None) -> None:
        """Say which folder the run carries, in a folded group, and fail when preflight did."""
        log.info("::group::Success criteria")
        log.info("✓ carried %s", (params or {}).get("migrations_folder"))
        log.info("::endgroup::")
        if (params or {}).get("fail"):
            raise RuntimeError("nothing was deployed: look at preflight")

    asked = gate()
    last = report()
    preflight() >> asked >> ApprovalOperator(task_id="approve", subject="Deploy toy?", fail_on_reject=True) >> last
    asked >> last
