"""The trigger form of monitor_database: typed, described, on one page."""

from __future__ import annotations

from airflow.sdk import Param


def monitor_params() -> dict[str, Param]:
    """The Params. Never raises."""
    return {
        "target": Param(
            "target_db",
            type="string",
            minLength=1,
            title="Target",
            description="The Airflow connection of the database to measure.",
        ),
        "refresh": Param(
            "none",
            type="string",
            enum=["none", "stale", "all"],
            title="Refresh",
            description="Which materialized views are refreshed after all was told: none (unless the setting views.refresh"
            " says stale), those found stale, or all of them.",
        ),
        "thresholds": Param(
            {},
            type="object",
            title="Limits of this run",
            description_md="What differs from thresholds.yaml, in its shape: "
            '`{"measures": {"idle_in_transaction": {"above": 5}}}`. For trying a limit; lasting ones belong in the file.',
        ),
    }
