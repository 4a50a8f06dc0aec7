"""Crossings: objects that depend on a few others are changed together with those. Drawn from crossings.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.undo_cases.case import Case

_FILE = Path(__file__).with_name("crossings.yaml")
_PATH = "set search_path = s1, s2, s8, s9;\n"


def draw_crossings(seed: str, first: int, count: int) -> Iterator[Case]:
    """`count` cases from number `first` on. `seed` and its number decide what a case holds."""
    given: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    for number in range(first, first + count):
        random = Random(f"{seed}-{number}")
        dependents = random.sample(sorted(given["dependents"]), random.randint(1, 4))
        blocks = [random.choice(given["dependents"][each]["changes"]) for each in dependents if random.random() < 0.7]
        changes_of_needed = random.sample(given["changes"], random.choice((1, 1, 2)))
        if random.random() < 0.4:
            blocks += changes_of_needed
            random.shuffle(blocks)
        elif random.random() < 0.3:
            blocks = [*changes_of_needed, *blocks]
        else:
            blocks += changes_of_needed
        before = given["before"] + "".join(given["dependents"][each]["before"] for each in dependents)
        kind = ", ".join(dependents)
        yield Case(f"{seed}-{number}", kind, before, _PATH + "".join(f"{each}\n" for each in blocks), superuser=True)
