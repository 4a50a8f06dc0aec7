"""Sizes as people read them: `512 B`, `8 kB`, `12 MB`."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def format_size(amount: float) -> str:
    """A number of bytes for a reader, in units of 1,024: `12 MB`. Pure."""
    *smaller, largest = _UNITS
    for unit in smaller:
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.0f} {largest}"
