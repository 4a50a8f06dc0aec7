"""Labels of an enum that were renamed, taken back whatever names they took from each other."""

from __future__ import annotations

import pytest

from pg_deploy.rollback.generator.alters import order_label_renames


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["a", "b"], ["z", "a"]),
        (["a", "b"], ["b", "a"]),
        (["a", "b", "c"], ["b", "c", "a"]),
        (["a", "b", "c", "d"], ["c", "d", "b", "a"]),
        (["undo_1", "a"], ["a", "undo_1"]),
    ],
)
def test_labels_lead_back_without_two_of_one_name(before: list[str], after: list[str]) -> None:
    """The server refuses a label that is there: a chain or a circle was called "an enum value cannot be removed"."""
    now = list(after)
    for label, wanted in order_label_renames(before, after):
        assert wanted not in now
        now[now.index(label)] = wanted
    assert now == before
