"""When a project's databases may be changed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pg_deploy.projects.window import parse_window


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        # Tuesday; Zurich is two hours ahead in summer, one in winter.
        ("Mon-Thu 09:00-16:00 Europe/Zurich", "2026-07-14T07:00", True),
        ("Mon-Thu 09:00-16:00 Europe/Zurich", "2026-07-14T06:59", False),
        ("Mon-Thu 09:00-16:00 Europe/Zurich", "2026-01-13T07:59", False),
        ("Mon-Thu 09:00-16:00 Europe/Zurich", "2026-07-14T14:00", False),
        ("Mon-Thu 09:00-16:00 Europe/Zurich", "2026-07-17T10:00", False),
        # Over midnight: Saturday's night belongs to Saturday.
        ("Sat 22:00-04:00 UTC", "2026-07-19T03:59", True),
        ("Sat 22:00-04:00 UTC", "2026-07-18T03:59", False),
        # Over the end of the week, and two spans.
        ("Sat-Mon 01:00-02:00, Wed 10:00-11:00 UTC", "2026-07-19T01:30", True),
        ("Sat-Mon 01:00-02:00, Wed 10:00-11:00 UTC", "2026-07-20T01:30", True),
        ("Sat-Mon 01:00-02:00, Wed 10:00-11:00 UTC", "2026-07-15T10:30", True),
        ("Sat-Mon 01:00-02:00, Wed 10:00-11:00 UTC", "2026-07-16T10:30", False),
    ],
)
def test_a_window_is_open_on_the_clocks_of_its_zone(text: str, moment: str, is_open: bool) -> None:
    assert parse_window(text).is_open(_at(moment)) is is_open


def test_a_closed_window_says_when_it_opens_next() -> None:
    window = parse_window("Mon-Thu 09:00-16:00 Europe/Zurich")
    assert window.next_opening(_at("2026-07-16T14:00")).isoformat() == "2026-07-20T09:00:00+02:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UTC",
        "Mon 9:00-10:00 UTC",
        "Mon 09:00-25:00 UTC",
        "Moo 09:00-10:00 UTC",
        "Mon 09:00-10:00 Nowhere/X",
        "daily",
    ],
)
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as in"):
        parse_window(text)
