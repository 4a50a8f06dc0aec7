"""### Adopt a database whose migrations were made by hand or by the Supabase CLI

**When to run it:** once, before the first deployment to a database that holds some of the folder's migrations already. Or after you
finished by hand what a deployment left half done.

**What it does:** `check` says what would be adopted and refuses what makes no sense. `adopt` writes, for each migration in one
transaction, the history row if it is missing (as the Supabase CLI writes it) and a ledger entry with the file's hash, your name
and your reason. `report` sums up. **No migration is run, and none is verified:** each is adopted as it is, on your word. The
migrations' own checks run read-only; their results are kept as evidence and decide nothing.

**Params:** choose `migrations`, or the newest version in place as `up_to`; neither = all of the folder. `dry_run` changes nothing.
What we verified or adopted before is left alone, so to run it twice is harmless.

**Red means:** nothing was adopted (`check` failed), or only part of it; the message says what to do. Trigger again afterwards.

**Afterwards:** `deploy_migrations` shows these groups passed, "adopted as it was", and refuses an edited file.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from pg_deploy.configuration.conf import BaselineConf
from pg_deploy.dags.common import triggered_dag
from pg_deploy.projects.project import Project
from pg_deploy.tasks.baseline_steps import adopt, check, report


def baseline_dag(project: Project) -> DAG:
    """The DAG that adopts a project's database whose migrations were made by hand."""
    with triggered_dag(project.dags.baseline, project, BaselineConf, __doc__, "baseline") as dag:
        chain(check(), adopt(), report())
    return dag
