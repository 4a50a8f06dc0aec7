"""The installation says what it needs if it cannot help itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import packages
from demo.errors import ServerMissingError
from demo.server import find_installation


def test_an_installed_server_with_pg_cron_is_found_and_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Re-running `make deploy` must be quick, and must not ask for sudo."""
    found = find_installation()
    assert found is not None
    assert found.major >= 15
    monkeypatch.setenv("PATH", str(tmp_path))
    packages.install()


def test_without_apt_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On another system the first command of the README would end in a stack trace."""
    monkeypatch.setattr(packages, "find_installation", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissingError, match=r'"pg_cron" .* install PostgreSQL 15 or newer .* docker-compose'):
        packages.install()
