"""Run the cases of a folder: a line a case, the table of kinds at the end, 1 if one is wrong."""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice
from pathlib import Path

from tests.undo_cases.case import Case, Outcome, read_case
from tests.undo_cases.crossings import draw_crossings
from tests.undo_cases.drawing import draw_all
from tests.undo_cases.grammar import RULES
from tests.undo_cases.odd_names import with_odd_names
from tests.undo_cases.pool import run_all, run_sequences
from tests.undo_cases.sequence import SequenceResult
from tests.undo_cases.server import find_binaries

_ENOUGH_FOR_EACH_KIND = 1000
"""If at least so many sequences are drawn, each kind must be among them."""
_HEAD = """# Which kinds of change lead back

Written by `make undo-cases CASES=tests/cases/ddl ARGS='--table docs/undo-cases.md'`: each case is applied to filled tables, undone
without a rollback.sql, and judged by pg_dump, the rows and the sequences' positions. A case that is undone in full leaves no line under
"why".
"""


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Markdown: kind, how many undone, how many refused and why."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, list[str]] = defaultdict(list)
    for each in outcomes:
        counts[each.kind][each.verdict] += 1
        if each.verdict != "undone":
            reasons[each.kind].append(f"{each.verdict}: {each.detail}" if each.verdict != "refused" else each.detail)
    lines = ["| kind | undone | refused | why |", "|---|---|---|---|"]
    for kind in sorted(counts):
        verdicts = counts[kind]
        why = "; ".join(dict.fromkeys(reasons[kind])).replace("|", "/")
        lines.append(f"| {kind} | {verdicts['undone']} | {verdicts.total() - verdicts['undone']} | {why} |")
    return lines


def summary(found: Sequence[SequenceResult], *, as_sets: bool = False) -> tuple[str, list[str]]:
    """A line that counts the verdicts, and the faults: wrong ones, too few that apply, too many refused, kinds not drawn.

    Sets are undone without a copy, so that what cannot be compared is refused as well.
    """
    counts = Counter(each.outcome.verdict for each in found)
    applied = len(found) - counts["not applied"]
    refused = counts["refused"] + counts["undone but for"]
    missing = sorted({rule.kind for rule in RULES} - {kind for each in found for kind in each.statements.kinds})
    faults = [f"{counts['wrong']} wrong"] if counts["wrong"] else []
    if applied < 0.8 * len(found):
        faults.append(f"only {applied} of {len(found)} apply")
    if refused > (0.25 if as_sets else 0.15) * applied:
        faults.append(f"{refused} of {applied} are refused")
    if needless := [
        each.outcome.name
        for each in found
        if each.outcome.verdict == "refused" and not each.statements.loses and not as_sets
    ]:
        faults.append("refused without a loss: " + ", ".join(needless))
    if missing and len(found) >= _ENOUGH_FOR_EACH_KIND:
        faults.append("never drawn: " + ", ".join(missing))
    return f"{len(found)} sequences: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())), faults


def _sequences(cases: Sequence[Case], bindir: Path, given: argparse.Namespace) -> int:
    found = []
    seed, first = given.seed, given.first
    seeds = draw_all([case for case in cases if not case.superuser], seed, first + given.sequences)
    for each in run_sequences(islice(seeds, first, None), bindir, workers=given.workers, as_sets=given.sets):
        found.append(each)
        print(each.line, flush=True)
    line, faults = summary(found, as_sets=given.sets)
    print("\n".join((f"seed {seed}; {line}", *faults)))
    return 1 if faults else 0


def _crossings(bindir: Path, given: argparse.Namespace) -> int:
    drawn = list(draw_crossings(given.seed, given.first, given.crossings))
    counts: Counter[str] = Counter()
    for case, each in zip(drawn, run_all(drawn, bindir, workers=given.workers), strict=True):
        counts[each.verdict] += 1
        print(each.line, flush=True)
        if given.verbose or each.verdict == "wrong":
            print(
                "    " + case.migration.strip().replace("\n", "\n    "),
                each.generated if given.verbose else "",
                sep="\n",
            )
    print(
        f"seed {given.seed}; {len(drawn)} crossings: "
        + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    )
    too_few_apply = counts["not applied"] > 0.3 * len(drawn)
    if too_few_apply:
        print(f"only {len(drawn) - counts['not applied']} of {len(drawn)} apply")
    return 1 if counts["wrong"] or too_few_apply else 0


def main() -> int:
    """Obey the command line; returns the exit code."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--server", default="")
    options.add_argument("--only", default="")
    options.add_argument("--table", type=Path)
    options.add_argument("--verbose", action="store_true")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument(
        "--sequences", type=int, default=0, help="draw that many instead, from the cases and a grammar"
    )
    options.add_argument(
        "--crossings", type=int, default=0, help="draw that many dependents and changes of what they need"
    )
    options.add_argument("--seed", default=f"{date.today():%Y%m%d}")
    options.add_argument(
        "--sets", action="store_true", help="deploy each sequence as several migrations, undo them whole"
    )
    options.add_argument("--odd-names", action="store_true", help="under names with quotes, dots and spaces")
    options.add_argument("--first", type=int, default=0, help="the number of the first sequence")
    given = options.parse_args()
    if given.crossings:
        return _crossings(find_binaries(given.server), given)
    cases = [read_case(path) for path in sorted(given.folder.glob("*.yaml")) if given.only in path.stem]
    if given.sequences:
        return _sequences(cases, find_binaries(given.server), given)
    if given.odd_names:
        cases = [with_odd_names(case) for case in cases]
    found = []
    for each in run_all(cases, find_binaries(given.server), workers=given.workers):
        found.append(each)
        print(each.line, flush=True)
        if given.verbose:
            print(each.generated)
    counts = Counter(each.verdict for each in found)
    print(f"{len(found)} cases: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    if given.table:
        given.table.write_text("\n".join((_HEAD, *table(found))) + "\n", encoding="utf-8")
    return 1 if counts["wrong"] or (counts["not applied"] and not given.odd_names) else 0


if __name__ == "__main__":
    sys.exit(main())
