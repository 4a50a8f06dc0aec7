"""Settings of the installation: one that cannot be used is named in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.configuration.backup import backup_settings
from pg_deploy.configuration.errors import InvalidSettingError
from pg_deploy.configuration.installation import settings


@pytest.mark.parametrize(
    "name", ["PG_DEPLOY_MIN_FREE_CONNECTIONS", "PG_DEPLOY_LARGEST_FILE_MB", "PG_DEPLOY_MAX_WAL_MB_PER_S"]
)
def test_a_number_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Else the task of whoever deploys ends in a traceback that names neither the setting nor where it stands."""
    monkeypatch.setenv(name, "five")
    with pytest.raises(InvalidSettingError, match=f'setting "{name}" is "five", which is not a .*number; correct it'):
        settings()


def test_numbers_that_are_left_empty_have_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compose file hands on what is not set as an empty text."""
    for name in ("PG_DEPLOY_MIN_FREE_CONNECTIONS", "PG_DEPLOY_LARGEST_FILE_MB"):
        monkeypatch.setenv(name, "")
    assert (settings().min_free_connections, settings().largest_file_mb) == (None, 64)


def test_a_folder_for_copies_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else a rehearsal ends in a traceback about a temporary file."""
    monkeypatch.setenv("PG_DEPLOY_WORKDIR", str(tmp_path / "missing"))
    with pytest.raises(InvalidSettingError, match=r"PG_DEPLOY_WORKDIR.*a folder on this worker"):
        backup_settings()
