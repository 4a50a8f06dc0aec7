"""Following a migration through the engine: what its reader has to open."""

from __future__ import annotations

from pathlib import Path

from tests.house.walk import follow


def test_whoever_reads_apply_needs_no_rollback_and_no_proof() -> None:
    """Apply is the line that changes production: what it does has to be read without what it does not do."""
    rooms = {module.partition(".")[0] for module in follow(("deployment.apply", "apply")).files}
    assert "ledger" in rooms
    assert rooms <= {
        "deployment",
        "execution",
        "ledger",
        "migrations",
        "grammar",
        "parsing",
        "postgres",
        "configuration",
        "presentation",
    }


def test_a_file_that_is_gone_back_to_counts(tmp_path: Path) -> None:
    """The figure is worth nothing if going back and forth between two files costs nothing."""
    (tmp_path / "high.py").write_text(
        "from pg_deploy import low\nfrom pg_deploy.low import one\ndef do():\n    one()\n    low.two()\n"
    )
    (tmp_path / "low.py").write_text("def one(): ...\ndef two(): ...\n")
    walk = follow(("high", "do"), tmp_path)
    assert walk.path == ["high", "low", "high", "low", "high"]
    assert (walk.files, walk.returns) == (("high", "low"), 3)
