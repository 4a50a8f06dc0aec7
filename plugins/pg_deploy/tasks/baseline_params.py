"""The trigger form of baseline_migrations: typed, described, on one page."""

from __future__ import annotations

from airflow.sdk import Param

from pg_deploy.configuration.conf import BaselineConf
from pg_deploy.tasks.deploy_params import deploy_params
from pg_deploy.tasks.groups import group_stems


def baseline_params() -> dict[str, Param]:
    """The Params; those that mean the same as in deploy_migrations are the same. Reads names and bytes, never raises."""
    shared = deploy_params()
    return {
        "target": shared["target"],
        "migrations": Param(
            [],
            type="array",
            items={"type": "string"},
            examples=list(group_stems()),
            title="Migrations",
            description="Which migrations are in the database already; none chosen = all of the folder.",
        ),
        "up_to": Param(
            None,
            type=["null", "string"],
            title="Up to",
            description="The newest version that is in the database already; empty = no bound.",
        ),
        "reason": Param(
            BaselineConf().reason,
            type="string",
            minLength=1,
            title="Reason",
            description="How you know that they are in place; it is kept in the ledger with your name.",
        ),
        "run_checks": Param(
            True,
            type="boolean",
            title="Run checks",
            description="Run the migrations' own checks and keep what they say as evidence; it decides nothing.",
        ),
        "finished_by_hand": Param(
            False,
            type="boolean",
            title="Finished by hand",
            description="Adopt also a migration, named above, whose deployment broke off and which you finished by hand.",
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Say what would be adopted and change nothing."
        ),
        "give_up_after": shared["give_up_after"],
        "migrations_folder": shared["migrations_folder"],
    }
