"""The cores of the proof that ask nobody: splitting, factoring, recognising, making witnesses. No server is needed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from itertools import product

import pytest

from pg_deploy.access.engines.compiler import Compiler
from pg_deploy.access.engines.factoring import find_cuts, is_determined
from pg_deploy.access.engines.single_lookups import find_lookup
from pg_deploy.access.facts.functions import without_comments
from pg_deploy.access.facts.triggers import is_bystander
from pg_deploy.access.predicates.alternatives import ROW, row_tree, split_into_alternatives
from pg_deploy.access.predicates.comparisons import conditions_by_column
from pg_deploy.access.predicates.function_bodies import Function, Functions, Refuse, Session
from pg_deploy.access.predicates.normal_form import SUBJECT, Alternative, from_clause, merge_same_rows
from pg_deploy.access.predicates.patterns import texts_that_fit
from pg_deploy.access.predicates.predicates import Effective
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.access.predicates.witness_arrays import arrays_made_of, elements_of
from pg_deploy.access.predicates.witnesses import constants_of
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import parse_predicate
from tests.core.access.mutants import MUTANTS
from tests.long import only_quick

NAMES = "abcdef"


def _random_predicate(draw: random.Random, depth: int = 4) -> str:
    if depth == 0 or draw.random() < 0.25:
        return draw.choice(NAMES)
    word = draw.choice((" and ", " or "))
    inner = f"({word.join(_random_predicate(draw, depth - 1) for _ in range(draw.randint(2, 3)))})"
    return f"not {inner}" if draw.random() < 0.2 else inner


def _is_true(node: ast.Node, values: dict[str, bool]) -> bool:
    if isinstance(node, ast.ColumnRef):
        return values[printed(node)]
    assert isinstance(node, ast.BoolExpr)
    parts = [_is_true(part, values) for part in node.args or ()]
    if node.boolop == enums.BoolExprType.NOT_EXPR:
        return not parts[0]
    return all(parts) if node.boolop == enums.BoolExprType.AND_EXPR else any(parts)


@pytest.mark.parametrize("seed", only_quick(range(40), range(12)))
def test_alternatives_are_true_exactly_where_the_predicate_is(seed: int) -> None:
    """An alternative too many shows rows that nobody may see as reachable; one too few proves too much."""
    tree = parse_predicate(_random_predicate(random.Random(seed)))
    found = split_into_alternatives(tree)
    for values in product((True, False), repeat=len(NAMES)):
        given = dict(zip(NAMES, values, strict=True))
        assert any(_is_true(each, given) for each in found) == _is_true(tree, given)


def _alternative(tables: dict[str, str], *conditions: str) -> Alternative:
    return Alternative(tuple(tables.items()), tuple(parse_predicate(each) for each in conditions))


LINKED = _alternative(
    {"m": '"public"."members"', "k": '"public"."docs"'},
    f"k.id = {ROW}.doc",
    "k.team = m.team",
    f"m.member = {SUBJECT}.a0",
    "m.active",
)


def test_a_join_is_cut_into_parts_that_share_nothing_but_the_link() -> None:
    """A condition that is left out of both parts would be proved without."""
    cuts = list(find_cuts(LINKED))
    assert cuts
    for cut in cuts:
        one = {alias for alias, _ in cut.tuple_side.tables}
        other = {alias for alias, _ in cut.subject_side.tables}
        assert one | other == {"m", "k"}
        assert not one & other
        kept = {*cut.tuple_side.texts, *cut.subject_side.texts, f"{cut.tuple_link} = {cut.subject_link}"}
        given = {*LINKED.texts}
        swapped = {f"{cut.subject_link} = {cut.tuple_link}"}
        assert given <= kept | swapped
        assert not cut.tuple_side.uses(SUBJECT)
        assert not cut.subject_side.uses(ROW)


def test_what_hangs_together_twice_is_not_cut() -> None:
    """Two links are one condition on the pair: cut at one of them, the other would connect what was counted apart."""
    assert list(find_cuts(_alternative({}, f"{ROW}.owner = {SUBJECT}.a0", f"{ROW}.team = {SUBJECT}.a1"))) == []
    assert list(find_cuts(_alternative({}, f"{ROW}.owner < {SUBJECT}.a0"))) == []


def test_only_a_unique_key_determines_a_row() -> None:
    """Counted as one row where there are several, a look-up would multiply what it lets through."""
    looked_up = _alternative({"k": "t"}, f"k.a = {ROW}.x", f"k.b = {ROW}.y")
    assert is_determined(looked_up, lambda _: [["a", "b"]])
    assert not is_determined(looked_up, lambda _: [["a", "c"]])
    assert not is_determined(looked_up, lambda _: [])
    through = _alternative({"k": "t", "m": "u"}, f"k.a = {ROW}.x", "m.id = k.ref")
    assert is_determined(through, lambda table: [["a"]] if table == "t" else [["id"]])
    assert not is_determined(through, lambda table: [["a"]] if table == "t" else [])


def test_two_aliases_are_one_row_only_by_their_key() -> None:
    """Folded by anything else, two memberships of one user would become one."""
    twice = _alternative({"k": "t", "m": "t"}, f"k.id = {ROW}.doc", f"m.id = {ROW}.doc", "k.open", "m.kind = 'x'")
    once = merge_same_rows(twice, lambda _: [["id"]])
    assert once.tables == (("k", "t"),)
    assert set(once.texts) == {f"k.id = {ROW}.doc", "k.open", "k.kind = 'x'"}
    assert merge_same_rows(twice, lambda _: [["kind"]]) == twice
    assert merge_same_rows(twice, lambda _: [["id", "kind"]]) == twice


LOOKUPS = {
    "exists (select from public.shares s where s.doc = t.id and s.reader = 'x')": ("id", "shares", "doc"),
    "t.id in (select s.doc from public.shares s where s.open)": ("id", "shares", "doc"),
    "exists (select 1 from public.shares s join public.teams m on m.id = s.team where t.id = s.doc and m.open)": (
        "id",
        "shares",
        "doc",
    ),
}
NO_LOOKUPS = (
    "exists (select from public.shares s where s.doc = t.id and s.owner = t.owner)",
    "exists (select from public.shares s where s.doc > t.id)",
    "exists (select from public.shares s where s.doc = t.id group by s.team having count(*) > 1)",
    "exists (select from public.shares s left join public.teams m on m.id = s.team where s.doc = t.id)",
    "exists (select from shares s where s.doc = t.id)",
    "t.id not in (select s.doc from public.shares s)",
    "not exists (select from public.shares s where s.doc = t.id)",
    "t.id in (select s.doc from public.shares s limit 1)",
    "t.id = any (select s.doc from public.shares s) or t.open",
)


@pytest.mark.parametrize("text", LOOKUPS)
def test_a_look_up_is_recognised(text: str) -> None:
    """Else it is asked row by row, which takes hours."""
    found = find_lookup(row_tree(text, "t"))
    assert found is not None
    assert (found.column, found.table, found.key) == LOOKUPS[text]
    assert ROW not in printed(found.condition)


@pytest.mark.parametrize("text", NO_LOOKUPS)
def test_what_only_looks_like_a_look_up_is_none(text: str) -> None:
    """Taken for one, its rows would be answered for all those that share a key, wrongly."""
    assert find_lookup(row_tree(text, "t")) is None


@pytest.mark.parametrize(
    "pattern", ["^a[0-9]+$", "(x|y)z?", r"\w+@corp\.example", "[^a]b{2,3}", "team-(red|blue)$", "[[:alpha:]]x", ".*"]
)
def test_made_texts_fit_their_pattern(pattern: str) -> None:
    """A witness that does not fit is asked for nothing."""
    made = texts_that_fit(pattern)
    assert made
    plain = pattern.replace("[:alpha:]", "a-z")
    assert all(re.search(plain, text) for text in made)


def test_no_pattern_gives_no_texts() -> None:
    """What the server alone understands is not guessed."""
    assert texts_that_fit("(") == []


def test_constants_of_one_side_only_come_first() -> None:
    """There are more constants than can be asked: what differs has to be among those that are."""
    found = constants_of(["status = 'open' and n > 3"], ["status = 'closed' and n > 3 and (doc #>> '{a,b}') = 'z'"])
    assert found.strings[0] == "open"
    assert set(found.strings) == {"open", "closed", "z", "{a,b}"}
    assert found.numbers == ("3",)
    assert ("a", "b") in found.paths


def test_a_constant_is_a_witness_for_the_column_that_it_is_compared_with() -> None:
    """Given to every column, witnesses would be too many to ask."""
    found = conditions_by_column(
        "(docs.status = 'open') and (kind = 'x' or public.f(docs.owner))", "public.docs", ["body"]
    )
    assert found["status"] == ["docs.status = 'open'"]
    assert found["kind"] == ["kind = 'x'"]
    assert found["owner"] == ["public.f(docs.owner)", "body"]


UID = Function(
    1,
    *("auth", "uid", "sql", "admin"),
    definer=False,
    strict=False,
    volatility="s",
    returns_set=False,
    returns_boolean=False,
    returns_rows=False,
    source="select 1",
    definition="",
    arguments="",
    result="uuid",
    names=[],
    takes=0,
    unusual=False,
    settings=[],
    parsed=None,
)


def _relation(number: int, name: str, secured: bool = False) -> Relation:
    rights = {"authenticated": {"select": True, "free": False, "owns": False}}
    return Relation(number, "public", name, "r", secured, False, "admin", ["id"], ["int4"], rights, True)


def _compiled(*permissive: str, restrictive: Sequence[str] = ()) -> tuple[Alternative, ...]:
    functions = Functions(None)  # type: ignore[arg-type]  # nothing is asked: what is called stands below
    functions.found = {("auth", "uid", 0): UID}
    functions.executable = {("authenticated", UID.id): True}
    docs, shares = _relation(1, "docs", True), _relation(2, "shares")
    compiler = Compiler(
        functions,
        {("public", "docs"): docs, ("public", "shares"): shares},
        (),
        {"public.shares": ("doc", "reader"), "public.docs": ("id", "owner")},
        lambda text: False,
    )
    decides = Effective("policies", tuple(permissive), tuple(restrictive), ())
    return compiler.compile(decides, docs, Session("authenticated", "public"))


def test_a_policy_becomes_joins_of_row_and_subject() -> None:
    """The second opinion is worth something only if it reads what the policy says."""
    (own,) = _compiled("owner = (select auth.uid())")
    assert own.tables == ()
    assert own.texts == (f"{ROW}.owner = {SUBJECT}.a0",)
    (shared,) = _compiled("exists (select from public.shares s where s.doc = docs.id and s.reader = auth.uid())")
    assert [name for _, name in shared.tables] == ['"public"."shares"']
    assert set(shared.texts) == {f"k_1.doc = {ROW}.id", f"k_1.reader = {SUBJECT}.a0"}


def test_permissive_policies_are_alternatives_and_restrictive_ones_hold_in_each() -> None:
    """The wrong way round, a restrictive policy would open what it is there to close."""
    found = _compiled("owner = auth.uid()", "open", restrictive=["team = 3"])
    assert len(found) == 2
    assert all(f"{ROW}.team = 3" in each.texts for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "owner = any (select s.reader from public.shares s group by s.reader)",
        "exists (select from public.docs d where d.id = docs.id)",
        "1 / id > 0",
        "docs.* is not null",
        "exists (select from public.unknown u where u.id = docs.id)",
    ],
)
def test_what_the_reading_does_not_understand_is_refused(text: str) -> None:
    """A guess would be a second opinion that agrees with nobody, or with a mistake."""
    with pytest.raises(Refuse):
        _compiled(text)


def _trigger_function(body: str) -> Fact:
    definition = f"CREATE OR REPLACE FUNCTION public.touch()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$ {body} $function$\n"
    return Fact(
        "function",
        parsed("function", "public.touch()"),
        json.dumps({"owner": "admin", "definition": definition}),
        "database",
    )


@pytest.mark.parametrize(
    "body",
    [
        "begin new.touched := now(); return new; end",
        "begin new.touched = timezone('utc', now()); return new; end",
        "begin if new.title is distinct from old.title then new.version := old.version + 1; end if; return new; end",
        "begin new.open := 'raise; select' || lower(new.title); /* it's late */ return new; end",
    ],
)
def test_a_trigger_that_fills_a_column_of_nobodys_decides_nothing(body: str) -> None:
    """Else each application with a column `updated_at` would have to declare a harmless change."""
    assert is_bystander(_trigger_function(body), {"owner", "status"})


@pytest.mark.parametrize(
    "body",
    [
        "begin new.owner := auth.uid(); return new; end",
        'begin new."owner" := auth.uid(); return new; end',
        "begin new := jsonb_populate_record(new, '{}'); return new; end",
        "begin new = null; return new; end",
        "declare row alias for new; begin row.owner := null; return new; end",
        "begin assert new.title <> ''; return new; end",
        "declare other public.docs; begin other.id := new.id; return other; end",
        "begin if new.title is null then return old; end if; return new; end",
        "begin new.touched := public.stamp_and_notify(new.id); return new; end",
        "begin new.title := '--'; perform set_config('app.tenant', '1', true); return new; end",
    ],
)
def test_a_trigger_that_does_more_is_no_bystander(body: str) -> None:
    """Else what it refuses, or whose row it writes, would change without a word."""
    assert not is_bystander(_trigger_function(body), {"owner", "status"})


def test_two_dashes_in_a_string_begin_no_comment() -> None:
    """Else a call behind them would be read by nobody."""
    assert without_comments("x := '--'; perform f(); -- last").split() == ["x", ":=", "'--';", "perform", "f();"]


def test_texts_of_any_letters_are_elements_of_arrays_and_roles_of_any_name_are_compared() -> None:
    """Else a witness is another text than the policy names, or the comparison ends in a syntax error."""
    assert '{"\u00e9\\"[a]"}' in list(arrays_made_of(list(elements_of(['\u00e9"[a]'], []))))
    assert from_clause(Alternative(), None, "o'brien").endswith("role = 'o''brien'")


def test_every_mutant_breaks_one_line_that_is_there() -> None:
    """The mutants are run seldom: without this a renamed file or line is noticed months later."""
    lost = [mutant.name for mutant in MUTANTS if mutant.path.read_text(encoding="utf-8").count(mutant.was) != 1]
    assert lost == []
