"""Extensions as the worker's packages bring them: linked from elsewhere, of another version, half installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg

from pg_deploy.backup.manifest import Extension
from pg_deploy.postgres.wall_around_server import _behind_links
from pg_deploy.rehearsal.outgoing_calls import make_extension
from tests.core.backup.conftest import Place


def test_what_a_link_leads_to_is_behind_the_wall_too(tmp_path: Path) -> None:
    """Debian's PostGIS is a link to /etc/alternatives, and from there back: without that step nothing is restored."""
    inside, elsewhere = tmp_path / "extension", tmp_path / "alternatives"
    for folder in (inside, elsewhere):
        folder.mkdir()
    (inside / "postgis-3.control").write_text("")
    (elsewhere / "postgis.control").symlink_to(inside / "postgis-3.control")
    (inside / "postgis.control").symlink_to(elsewhere / "postgis.control")
    (inside / "near.control").symlink_to("postgis-3.control")
    (inside / "nowhere.control").symlink_to(tmp_path / "missing")
    (inside / "round.control").symlink_to("round.control")

    assert _behind_links(inside) == {str(elsewhere / "postgis.control")}


def test_of_another_version_an_extension_is_made_and_that_is_said(place: Place) -> None:
    """A worker's package is often newer than the target's; nothing else of the worker may stand in the way."""
    wanted = Extension(name="citext", version="9.9", schema="public", owner="postgres", makes_schema=False, schemas=())
    with psycopg.connect(place.admin.conninfo, autocommit=True) as connection:
        made = make_extension(connection, wanted, cron_is_ours=False)
        missing = make_extension(connection, replace(wanted, name="not_there"), cron_is_ours=False)
    assert (made.is_real, made.note) == (True, 'extension "citext" is of another version than the target\'s 9.9')
    assert not missing.is_real
    assert "is not available" in str(missing.note)
