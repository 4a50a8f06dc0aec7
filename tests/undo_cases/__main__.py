"""Run the cases of a folder: a line a case, the table of kinds at the end, 1 where one is wrong."""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.undo_cases.case import Outcome, read_case
from tests.undo_cases.pool import run_all
from tests.undo_cases.server import binaries


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Markdown: kind, how many undone, how many refused and why."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, list[str]] = defaultdict(list)
    for each in outcomes:
        counts[each.kind][each.verdict] += 1
        if each.verdict != "undone":
            reasons[each.kind].append(f"{each.verdict}: {each.said}" if each.verdict != "refused" else each.said)
    lines = ["| kind | undone | refused | why |", "|---|---|---|---|"]
    for kind in sorted(counts):
        of = counts[kind]
        why = "; ".join(dict.fromkeys(reasons[kind])).replace("|", "/")
        lines.append(f"| {kind} | {of['undone']} | {of.total() - of['undone']} | {why} |")
    return lines


def main() -> int:
    """As the module says."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--server", default="")
    options.add_argument("--only", default="")
    options.add_argument("--table", type=Path)
    options.add_argument("--verbose", action="store_true")
    given = options.parse_args()
    paths = [path for path in sorted(given.folder.glob("*.yaml")) if given.only in path.stem]
    found = []
    for each in run_all(map(read_case, paths), binaries(given.server)):
        found.append(each)
        print(each.line, flush=True)
        if given.verbose:
            print(each.generated)
    counts = Counter(each.verdict for each in found)
    print(f"{len(found)} cases: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    if given.table:
        given.table.write_text("\n".join(table(found)) + "\n", encoding="utf-8")
    return 1 if counts["wrong"] or counts["not applied"] else 0


if __name__ == "__main__":
    sys.exit(main())
