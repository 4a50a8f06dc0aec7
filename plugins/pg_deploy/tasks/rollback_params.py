"""The trigger form of rollback_migrations: typed, described, on one page."""

from __future__ import annotations

from airflow.sdk import Param

from pg_deploy.tasks.deploy_params import deploy_params


def rollback_params() -> dict[str, Param]:
    """The Params; those that mean the same as in deploy_migrations are the same. Never raises."""
    shared = deploy_params()
    return {
        "target": Param(
            "target_db",
            type="string",
            minLength=1,
            title="Target",
            description="The Airflow connection of the database to change back.",
        ),
        "version": Param(
            None,
            type=["null", "string"],
            title="Version",
            description="Undo this one migration: its 14 digits, or its name. Refused while a later one builds on it.",
        ),
        "deployment": Param(
            None,
            # Not `type`: the UI shows a field of two types as a large text area.
            anyOf=[{"type": ["null", "string"]}, {"type": "integer"}],
            title="Deployment",
            description='Undo all that one run deployed: its number in the ledger, its Airflow run id, or "last".',
        ),
        "down_to": Param(
            None,
            type=["null", "string"],
            title="Down to",
            description='Undo everything above this version, which is kept; "0" = all that the ledger can undo.',
        ),
        "policies_from": Param(
            None,
            type=["null", "string"],
            title="Policies from",
            description="Restore only the policies that were in force before this version (or attempt) was deployed.",
        ),
        "approval": Param(
            "all",
            type="string",
            enum=["all", "none"],
            title="Approval",
            description="Whether a person is asked. The connection's approval_floor wins over this.",
        ),
        "four_eyes": shared["four_eyes"],
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Show what would be undone and lost; change nothing."
        ),
        "lock_budget": shared["lock_budget"],
        "statement_timeout": shared["statement_timeout"],
        "give_up_after": shared["give_up_after"],
    }
