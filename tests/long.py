"""Which cases of a parametrized test take long, and so run in `make acceptance` only."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def only_quick(
    names: Iterable[object], quick: Iterable[object], otherwise: pytest.MarkDecorator = pytest.mark.acceptance
) -> list[object]:
    """One parameter for each name; those that are not in `quick` are marked as acceptance tests, or with `otherwise`.

    Raises ValueError if a quick name is none of the names: else a case that was renamed would silently become a long one.
    """
    names, quick = list(names), set(quick)
    if unknown := quick.difference(names):
        raise ValueError(f"no such case: {', '.join(sorted(map(str, unknown)))}")
    return [pytest.param(name, marks=() if name in quick else (otherwise,), id=str(name)) for name in names]
