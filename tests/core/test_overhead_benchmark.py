"""The benchmark of the overhead takes the catalog's readers out by their names: it has to find them."""

from __future__ import annotations

import importlib

from benchmarks.overhead import _CATALOG


def test_what_the_benchmark_takes_out_is_there() -> None:
    """Else it fails on the day when somebody wants its figures."""
    missing = [
        f"{module}.{name}"
        for module, names in _CATALOG.items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []
