"""The overview of many targets."""

from __future__ import annotations

from pg_deploy.ui.database_page import DatabasePage
from pg_deploy.ui.overview import worst_first
from pg_deploy.ui.projects import KnownProject


def test_the_worst_is_first_however_many_targets_there_are() -> None:
    """Else the one database of hundreds that is in trouble is not on the page."""
    well = [DatabasePage(KnownProject(f"p{number:03}"), f"db_{number:03}") for number in range(229)]
    down = DatabasePage(KnownProject("z"), "db_z", "it cannot be reached", is_trouble=True)

    shown = worst_first([*well, down])

    assert [line.page.target for line in shown.lines[:2]] == ["db_z", "db_000"]
    assert (len(shown.lines), shown.left_out) == (200, 30)
