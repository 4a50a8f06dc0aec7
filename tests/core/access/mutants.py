"""Deliberate breaks of the access proof, one line each: applied, tested, taken back. A net that nothing holds is none.

`make mutants` prints a line a break, and ends with 1 if one stays green.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ENGINE = ROOT / "plugins" / "pg_deploy"


@dataclass(frozen=True)
class Mutant:
    """A break: in which file what becomes what, and the test that has to see it."""

    name: str
    file: str
    was: str
    becomes: str
    test: str

    @property
    def path(self) -> Path:
        """Where the file is, in whichever room."""
        return next((ENGINE / "access").rglob(self.file), ENGINE / "catalog" / self.file)


_NET = "tests/core/access/test_nets.py"
_CASES = "tests/core/access/test_cases.py::test_a_case_is_what_it_must_be"
MUTANTS = (
    Mutant(
        "what writes for real come to is not compared",
        "writes.py",
        "return one.counts != other.counts",
        "return False",
        f"{_CASES}[c22_rule_insert_also]",
    ),
    Mutant(
        "a write that was refused and is not any more is nothing",
        "writes.py",
        "return (not one.sqlstate or not other.sqlstate) and not is_new",
        "return False",
        f"{_CASES}[b03_guard_trigger_dropped]",
    ),
    Mutant(
        "what a call writes is not compared",
        "calls.py",
        'written = _said(grown(before, written_here(connection))) if count else ""',
        'written = ""',
        f"{_CASES}[e02_function_answers_alike_and_deletes_more]",
    ),
    Mutant(
        "engine R is ignored",
        "verdict.py",
        "different = real | symbolic",
        "different = symbolic",
        f"{_NET}::test_what_one_engine_sees_alone_is_a_difference[real]",
    ),
    Mutant(
        "engine S is ignored",
        "verdict.py",
        "different = real | symbolic",
        "different = real",
        f"{_NET}::test_what_one_engine_sees_alone_is_a_difference[symbolic]",
    ),
    Mutant(
        "the engines' disagreement is ignored",
        "verdict.py",
        "            if sids\n        ]",
        "            if False\n        ]",
        f"{_NET}::test_engines_that_disagree_prove_nothing",
    ),
    Mutant(
        "the reading cross-check is silent",
        "proof.py",
        "return read + written, reads + writes",
        "return written, reads + writes",
        f"{_NET}::test_the_real_machinery_has_the_last_word[select]",
    ),
    Mutant(
        "the writing cross-check is silent",
        "proof.py",
        "return read + written, reads + writes",
        "return read, reads + writes",
        f"{_NET}::test_the_real_machinery_has_the_last_word[delete]",
    ),
    Mutant(
        "no witness is made of rows",
        "universe.py",
        "    given = witness_values(constants, column)",
        "    given = witness_values(constants, column)[:0]",
        f"{_NET}::test_a_row_that_nobody_has_yet_tells_two_policies_apart",
    ),
    Mutant(
        "no witness is made of claims",
        "subjects.py",
        "return list(found.values())[:MOST_MADE]",
        "return list(found.values())[:0]",
        f"{_NET}::test_claims_that_nobody_has_yet_tell_two_policies_apart",
    ),
    Mutant(
        "an unknown kind of fact is settled",
        "settled_differences.py",
        'return f"{each.sentence}, and nobody has said',
        'return None and f"{each.said}, and nobody has said',
        f"{_NET}::test_a_kind_of_fact_that_nobody_has_thought_of_is_not_settled",
    ),
    Mutant(
        "what is not settled passes",
        "decide.py",
        "against += [Sentence(each.sentence) for each in open_ones]",
        "against += []",
        "tests/core/access/test_decide.py",
    ),
    *(
        Mutant(
            f"the closure forgets {what}",
            "dependencies.py",
            was,
            becomes,
            f"{_NET}::test_the_closure_follows_every_kind_of_edge",
        )
        for what, was, becomes in (
            ("policies", '                if part.kind == "policy":', "                if False:"),
            ("the types of columns", 'str(part.properties.get("type", ""))', '""'),
            ("children", "            yield from self._children.get(fact.identity, ())", "            yield from ()"),
            ("what belongs to a domain", '        if fact.kind == "type":', "        if False:"),
            ("what texts name", "            for node in self._named.get(word, ()):", "            for node in ():"),
            ("casts of a type", "            yield from self._casts.get(word, ())", "            yield from ()"),
            ("casts of the server's types", '        yield from self._casts.get("", ())', "        yield from ()"),
            ("operators", "        if self._operators:", "        if False:"),
        )
    ),
    *(
        Mutant(
            f"what differs is not in the way of {what}",
            "settled_differences.py",
            was,
            becomes,
            f"{_NET}::test_whatever_differs_is_in_the_way_of_what_rests_on_it[{of}]",
        )
        for what, was, becomes, of in (
            (
                "who reads rows that were written",
                "frozenset(nodes) | rows | self",
                "frozenset(nodes) | self",
                "rows that a policy reads",
            ),
            (
                "what composes statements",
                "(old_differs and not found.isdisjoint(closure.dynamic))",
                "False",
                "what a function composes when it runs",
            ),
            ("who names a column", " | self._tables_of_columns(facts)", "", "a column that a policy's function names"),
            ("views", "                    views.add(name)", "                    pass", "a function of a view"),
            (
                "functions",
                "                    functions.add(name)",
                "                    pass",
                "a function of a function",
            ),
            (
                "triggers",
                '("trigger", "rule", "constraint", "column") or',
                '("rule", "constraint", "column") or',
                "a trigger",
            ),
            (
                "rules",
                '("trigger", "rule", "constraint", "column") or',
                '("trigger", "constraint", "column") or',
                "a rule",
            ),
            (
                "constraints",
                '("trigger", "rule", "constraint", "column") or',
                '("trigger", "rule", "column") or',
                "a constraint",
            ),
            (
                "defaults",
                '("trigger", "rule", "constraint", "column") or',
                '("trigger", "rule", "constraint") or',
                "a default",
            ),
            (
                "triggers that read rows",
                'if changed and part.kind == "trigger":',
                "if False:",
                "rows that a trigger reads",
            ),
            (
                "rows that a foreign key leads to",
                "        written_otherwise |= {",
                "        set() and {",
                "a foreign key's action",
            ),
        )
    ),
    *(
        Mutant(
            f"nobody is reached through {what}",
            "settled_differences.py",
            was,
            becomes,
            f"{_NET}::test_what_is_reached_by_any_way_is_reached[{of}]",
        )
        for what, was, becomes, of in (
            (
                "a column's grant",
                '        if kind == "column":',
                "        if False:",
                "a column that is granted alone",
            ),
            (
                "a membership",
                "    roles = reachable_roles(facts, api.roles)\n    schemas",
                "    roles = frozenset(api.roles)\n    schemas",
                "a role that another is a member of",
            ),
        )
    ),
    Mutant(
        "a column's name stands for the same column for ever",
        "rewritten_tables.py",
        "frozenset(written | (replaced & (before.keys() | after.keys())))",
        "frozenset(written)",
        f"{_NET}::test_a_column_that_stands_for_another_one_moves_every_row",
    ),
    Mutant(
        "null is no witness",
        "universe.py",
        "    if not column.required:\n        made.insert(",
        "    if False:\n        made.insert(",
        f"{_CASES}[h14_null_slips_through_a_comparison]",
    ),
    Mutant(
        "no witness is made of patterns",
        "witnesses.py",
        "    if _PATTERN.search(value):",
        "    if False:",
        f"{_CASES}[h08_pattern_of_a_check_loosened]",
    ),
    Mutant(
        "no witness is made of documents",
        "witness_documents.py",
        "    yield from _contained(plain)",
        "    yield from ()",
        f"{_CASES}[h11_document_contains_less]",
    ),
    Mutant(
        "what views show is not compared",
        "proof.py",
        "[*differences, *of_views, *of_calls, *of_writes]",
        "[*differences, *of_calls, *of_writes]",
        f"{_CASES}[b12_owner_view_opens_for_one_user]",
    ),
    Mutant(
        "what functions answer is not compared",
        "proof.py",
        "[*differences, *of_views, *of_calls, *of_writes]",
        "[*differences, *of_views, *of_writes]",
        f"{_CASES}[b11_helper_of_a_definer_rpc]",
    ),
    Mutant(
        "buckets are not looked at",
        "proof.py",
        "(*access_changes(before, after, api), *beside)",
        "access_changes(before, after, api)",
        f"{_CASES}[c11_bucket_made_public]",
    ),
    Mutant(
        "every tuple counts as determined",
        "factoring.py",
        "            return known >= {alias for alias, _ in tuple_side.tables}",
        "            return True",
        f"{_NET}::test_a_row_that_is_met_twice_is_counted_once",
    ),
)


def _is_red(mutant: Mutant) -> bool:
    path = mutant.path
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.was) != 1:
        raise SystemExit(
            f'mutant "{mutant.name}": its line is not once in {mutant.file}; mend tests/core/access/mutants.py'
        )
    try:
        path.write_text(text.replace(mutant.was, mutant.becomes), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", mutant.test],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(text, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f'mutant "{mutant.name}": the tests could not be run:\n{done.stdout[-2000:]}')
    return done.returncode == 1


def main() -> int:
    """Run all; the exit code."""
    green = 0
    for mutant in MUTANTS:
        red = _is_red(mutant)
        green += not red
        print(f"{'✓ red' if red else '✗ GREEN'}  {mutant.name}", flush=True)
    print(f"{len(MUTANTS) - green} of {len(MUTANTS)} breaks are seen")
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main())
