"""### Deploy the pending migrations, verify each, and roll back what fails

**When to run it:** after new migrations were merged. Trigger it, approve the risky step, read the report.

**What it does:** `preflight` prints the state before, refuses what cannot work and pins what this run deploys. `backup` keeps what
the deployment touches. `rehearse` first runs all of it on a private copy, restored from that backup: if something fails there, the run
ends before the target was touched. Then comes each migration, in order: `gate` (is there anything to do?), `approve` (for risk medium
and up), `snapshot`, `apply`, `verify`, `decide`: `passed` or `rollback`. The task `earlier` applies pending migrations that are older
than the newest 25; if more than ten are pending, also those that need no approval and have no companion. `report` judges the run.

**Params:** choose nothing to deploy everything pending to `target_db`. `dry_run` shows the plan and changes nothing. `on_failure` says
what is undone if a check fails.

**Red means:** not everything that was pinned is deployed. `report` says what happened to each migration and what to do; the log of the
failed task shows the statement, the rows that broke a check, and the proof of the rollback. A run that rolled back is always red.

**After a red run:** correct the migration and trigger a new run; do not clear tasks of the old one.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Label, TaskGroup, chain
from airflow.sdk.definitions.param import ParamsDict

from pg_deploy.configuration.conf import DeployConf
from pg_deploy.dags.common import common
from pg_deploy.projects.project import Project
from pg_deploy.tasks.approval_steps import ApproveMigrations
from pg_deploy.tasks.assets import target_changed
from pg_deploy.tasks.deploy_steps import (
    apply,
    backup,
    decide,
    earlier,
    gate,
    passed,
    preflight,
    rehearse,
    report,
    rollback,
    snapshot,
    undo_earlier,
    verify,
)
from pg_deploy.tasks.forms import form
from pg_deploy.tasks.groups import group_of, group_stems
from pg_deploy.tasks.retries import retried


def deploy_dag(project: Project) -> DAG:
    """The DAG that deploys a project's migrations. Made while its file is parsed: reads the names in the folder, never raises."""
    with DAG(
        project.dags.deploy, schedule=None, max_active_runs=4, **common(project, __doc__, "deploy", retried())
    ) as dag:
        before = earlier()
        chain(preflight(), backup(), rehearse(), ApproveMigrations(task_id="approve_earlier", version=None), before)

        previous: Any = before
        ends: list[Any] = [before]
        for stem in group_stems(project.migrations):
            with TaskGroup(group_of(stem)):
                asked = gate(stem)
                approved = ApproveMigrations(task_id="approve", version=stem.split("_", 1)[0])
                taken, applied, verified = snapshot(stem), apply(stem), verify(stem)
                decided, done, undone = decide(stem), passed(), rollback(stem)

                # If `earlier` found nothing to do in this group, it skipped all tasks but `done`, so `done` must also follow `previous`.
                previous >> [asked, done]
                asked >> Label("pending") >> approved >> taken >> applied >> verified >> decided
                applied >> decided
                asked >> Label("nothing to do") >> done
                decided >> Label("verified") >> done
                decided >> Label("failed") >> undone
            previous = done
            ends += [done, undone]

        ends >> undo_earlier() >> report.override(outlets=[target_changed(project)])()

        # This comes last: each task copies the params that exist when it is made, and for a hundred migrations the copies are a megabyte.
        dag.params = ParamsDict(form(DeployConf, project))
    return dag
