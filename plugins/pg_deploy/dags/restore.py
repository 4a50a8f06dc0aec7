"""### Restore a backup into a new database beside the target

**When to run it:** rows are wrong and have to be copied back, or the whole database has to go back to the moment of a backup.

**What it does:** checks every file of the backup, makes a new database on the target's server, restores into it, compares rows and
catalog with the backup, and prints the steps to switch. **The target is never touched**, and neither are roles and settings of the
server. Cron jobs are not restored, so that none runs twice.

**Params:** `backup` is a name as a report prints it, or `last`. `database` is the new name; one that exists is refused.

**Red means:** the backup is damaged, or it could not be restored in full. The new database is then dropped again.

**Afterwards:** follow the printed steps. Drop the new database when you no longer need it: nobody else does.
"""

from __future__ import annotations

from airflow.sdk import DAG

from pg_deploy.configuration.conf import RestoreConf
from pg_deploy.dags.common import triggered_dag
from pg_deploy.projects.project import Project
from pg_deploy.tasks.restore_steps import restore


def restore_dag(project: Project) -> DAG:
    """The DAG that restores a backup of a project's database beside it."""
    with triggered_dag(project.dags.restore, project, RestoreConf, __doc__, "backup") as dag:
        restore()
    return dag
