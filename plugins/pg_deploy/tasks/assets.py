"""What the DAGs tell each other."""

from __future__ import annotations

from airflow.sdk import Asset

# A deployment has ended with everything in place: the monitor looks at once.
TARGET_CHANGED = Asset(name="target_changed", uri="pg-deploy://target-changed")
