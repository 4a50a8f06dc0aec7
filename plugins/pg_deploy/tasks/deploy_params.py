"""The trigger form of deploy_migrations: typed, described, on one page."""

from __future__ import annotations

from airflow.sdk import Param

from pg_deploy.migrations.folder import migrations_dir, stamp
from pg_deploy.tasks.groups import group_stems

# Not `type`: the UI shows a field of two types as a large text area.
_DURATION = [{"type": "string"}, {"type": "number"}]


def deploy_params() -> dict[str, Param]:
    """The Params; values change only when the folder of migrations does. Reads names and bytes, never raises."""
    return {
        "target": Param(
            "target_db",
            type="string",
            minLength=1,
            title="Target",
            description="The Airflow connection of the database to change.",
        ),
        "migrations": Param(
            [],
            type="array",
            items={"type": "string"},
            examples=list(group_stems()),
            title="Migrations",
            description="Which pending migrations to deploy; none chosen = all of them, in order.",
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Show the plan and change nothing, not even the ledger."
        ),
        "approval": Param(
            "risky",
            type="string",
            enum=["risky", "all", "none"],
            title="Approval",
            description="When a person is asked: for risk medium and up, always, or never. "
            "The connection's approval_floor wins over this.",
        ),
        "four_eyes": Param(
            False,
            type="boolean",
            title="Four eyes",
            description="Whoever triggers the run may not approve it: an approval counts only from somebody else. "
            "The connection's four_eyes holds whatever is said here.",
        ),
        "on_failure": Param(
            "rollback_failed",
            type="string",
            enum=["rollback_failed", "rollback_all", "stop"],
            title="On failure",
            description="Undo the migration that failed, everything that this run verified, or nothing.",
        ),
        "backup": Param(
            "full",
            enum=["full", "schema", "external", "none", True, False],
            title="Backup",
            description="full: a dump of the migrated schemas and what they depend on. external: the server can go back to any "
            "moment by itself, and the moment is recorded. true = full, false = none.",
        ),
        "rehearse": Param(
            "full",
            enum=["full", "clone", "none", True, False],
            title="Rehearse",
            description="full: the whole deployment first on a private copy restored from the backup. clone: on the connection "
            "rehearsal_db. true = full, false = none.",
        ),
        "benchmark": Param(
            True, type="boolean", title="Benchmark", description="Time the migrations' queries before and after."
        ),
        "out_of_order": Param(
            False,
            type="boolean",
            title="Out of order",
            description="Allow a pending migration that is older than the newest applied one.",
        ),
        "lock_budget": Param(
            "2 s",
            anyOf=_DURATION,
            title="Lock budget",
            description="The longest time that the application may wait behind a transaction of a migration.",
        ),
        "statement_timeout": Param(
            "0 s",
            anyOf=_DURATION,
            title="Statement timeout",
            description="The longest time that one statement in a transaction, or one check, may run; 0 s = no limit. "
            "A CONCURRENTLY build has none: cancelled, it would leave an invalid index.",
        ),
        "give_up_after": Param(
            "10 min",
            anyOf=_DURATION,
            title="Give up after",
            description="How long to try for a lock, and to wait for another run.",
        ),
        "migrations_folder": Param(
            stamp(migrations_dir()),
            type=["null", "string"],
            title="Migrations folder",
            description="The folder and its contents that this form shows; the run is refused if the tasks see others.",
        ),
    }
