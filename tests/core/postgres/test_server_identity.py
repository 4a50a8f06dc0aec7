"""Which server a session has reached: the same answer whatever the session's settings are."""

from __future__ import annotations

import psycopg
import pytest

from pg_deploy.postgres.server_identity import server_of


@pytest.mark.parametrize(
    "settings",
    [
        "set timezone = 'Asia/Tokyo'",
        "set datestyle = 'German, DMY'",
        "set intervalstyle = iso_8601",
        "set search_path = ''",
        "set extra_float_digits = -15",
    ],
)
def test_a_server_is_the_same_whatever_a_session_is_set_to(empty_database: str, settings: str) -> None:
    """Else a migration that sets a database's time zone is failed as if two servers answered at one address."""
    with psycopg.connect(empty_database, autocommit=True) as one, psycopg.connect(empty_database) as other:
        other.execute(settings)
        assert server_of(other) == server_of(one)
