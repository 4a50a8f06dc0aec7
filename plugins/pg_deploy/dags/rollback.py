"""### Undo what was deployed: one version, one deployment, or everything down to a version

**When to run it:** a deployment turned out to be wrong after it was verified, minutes or days later. (A migration that fails while
it is deployed is undone by its own run.)

**What it does:** `preflight` reads the ledger, shows what would be undone, in which order and with which SQL, the rows and columns
that would be lost, what others changed since and what depends on it, and refuses what cannot be undone. `approve` asks a person.
`undo` runs each rollback **as it was deployed** (the files of today are not read) and proves it: exactly what the migration changed
is changed back, and nothing else. If a rollback forgot policies, grants, functions or cron jobs, these are mended from the snapshot
and named. `report` sums up. A migration without rollback.sql is undone with a generated one, if the catalog is enough for that.

**Params:** exactly one of `version`, `deployment`, `down_to` (`"0"` = all that the ledger can undo) and `policies_from` (only the
policies that were in force before a version). `dry_run` shows and changes nothing.

**Red means:** not everything was undone. `undo` stopped at the first failure; its log names what differs and prints the SQL that would
mend it. What was undone before stays undone. Mend it and trigger again.

**Rows** that a migration changed are not brought back: the log names the tables and the backup that has them.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from pg_deploy.configuration.conf import RollbackConf
from pg_deploy.dags.common import triggered_dag
from pg_deploy.projects.project import Project
from pg_deploy.tasks.approval_steps import ApproveRollback
from pg_deploy.tasks.rollback_steps import preflight, report, undo


def rollback_dag(project: Project) -> DAG:
    """The DAG that undoes what was deployed to a project's databases."""
    with triggered_dag(project.dags.rollback, project, RollbackConf, __doc__, "rollback") as dag:
        chain(preflight(), ApproveRollback(task_id="approve"), undo(), report())
    return dag
