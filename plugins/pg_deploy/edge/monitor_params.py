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
            "stale",
            type="string",
            enum=["stale", "all", "none"],
            title="Refresh",
            description="Which materialized views are refreshed: those found stale, all of them, or none.",
        ),
        "thresholds": Param(
            {},
            type="object",
            title="Limits of this run",
            description_md="What differs from thresholds.yaml, in its shape: "
            '`{"measures": {"idle_in_transaction": {"above": 5}}}`. For trying a limit; lasting ones belong in the file.',
        ),
    }
