"""The first part of the page: each measure in its own unit."""

from __future__ import annotations

from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.page_summary import summary_lines


def test_a_slot_is_told_in_bytes_and_a_deleted_job_as_gone() -> None:
    """Else a slot that nobody reads looks like a standby years behind, and a deleted job like one that failed once."""
    measured = (
        Measured("replication_lag", (Row("one", 3.0, "s"),)),
        Measured("retained_wal", (Row("reader", 2.0 * 1024**3, "bytes"),)),
        Measured("cron_failures", (Row("purge", 2.0, "failed runs in a row"),)),
        Measured("deleted_jobs", (Row("nightly", 1.0, "gone"),)),
    )

    lines = [" ".join(line.split()) for line in summary_lines({one.measure: one for one in measured}, (), ())]

    assert lines == [
        "✓ jobs of pg_cron purge (2 failed runs in a row), nightly is gone",
        "✓ replication one 3 s behind, slot reader keeps 2 GB",
    ]
