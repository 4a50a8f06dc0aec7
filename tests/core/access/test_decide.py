"""What access.yaml declares, and what it cannot hide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from pg_deploy.access.decide import decide
from pg_deploy.access.engines.cross_check import Disagreement
from pg_deploy.access.engines.engine_by_impersonation import Cell
from pg_deploy.access.facts.access_change import AccessChange
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.proof.proof import Proof
from pg_deploy.ledger.kinds.access import Verdict
from pg_deploy.migrations.access_file import AccessFile, read_access_file
from pg_deploy.migrations.errors import InvalidAccessFileError
from pg_deploy.migrations.manifest import SAY_WHY, Access

OPENED = AccessChange(
    "gained", "anon", "public.v", ("select",), 'view "public.v" is new: anon can select it', object_is_new=True
)
LOST = RowDifference(
    "public.t",
    "authenticated",
    ("select", "produce by update"),
    "lost",
    ("user 1",),
    1,
    2,
    ("a", "b"),
    (),
    "user 1 lost 2 rows",
)
ENTRY = {"role": "anon", "object": "public.v", "command": "select", "why": "a public price list"}
CHANGED = {"role": ["authenticated"], "object": "public.t", "command": ["select", "update"], "why": "archived"}


def test_an_opened_object_must_be_declared_with_a_reason() -> None:
    """A view that the default privileges gave to anon is the leak that nobody wrote."""
    proof = Proof(Verdict.SAME, changes=(OPENED,))
    assert not decide("unchanged", AccessFile(), proof).passes
    assert decide("unchanged", AccessFile.model_validate({"opened": [ENTRY]}), proof).passes
    other = AccessFile.model_validate({"opened": [{**ENTRY, "role": "authenticated"}]})
    assert not decide("unchanged", other, proof).passes


def test_changed_must_be_what_is_declared_and_all_of_it() -> None:
    """A declaration that nothing matches is a change that did not happen, and one too few is a leak."""
    proof = Proof(Verdict.DIFFERENT, differences=(LOST,))
    assert not decide("unchanged", AccessFile.model_validate({"changed": [CHANGED]}), proof).passes
    assert decide("changed", AccessFile.model_validate({"changed": [CHANGED]}), proof).outcome == "as declared"
    assert not decide(
        "changed", AccessFile.model_validate({"changed": [{**CHANGED, "command": "select"}]}), proof
    ).passes
    nothing = decide("changed", AccessFile.model_validate({"changed": [CHANGED]}), Proof(Verdict.SAME))
    assert not nothing.passes
    assert "nothing of it was found" in nothing.against[0]


def test_without_a_companion_everything_is_shown_and_nothing_fails() -> None:
    """A project's old migrations promise nothing about access; what they do is still worth reading."""
    decision = decide("undeclared", AccessFile(), Proof(Verdict.DIFFERENT, changes=(OPENED,), differences=(LOST,)))
    assert decision.passes
    assert decision.outcome == "undeclared"
    assert {OPENED.sentence, LOST.sentence} <= set(decision.shown)


@pytest.mark.parametrize(
    "text", ["opened: [{role: anon, object: public.v, command: select}]", "closed: []", "opened: [", "opened: {a: 1}"]
)
def test_a_bad_access_file_is_refused(tmp_path: Path, text: str) -> None:
    """A misspelt key that is ignored leaves the author believing that a leak was declared."""
    (tmp_path / "access.yaml").write_text(text)
    with pytest.raises(InvalidAccessFileError, match=r'"access.yaml" of'):
        read_access_file(tmp_path)


def test_no_access_file_declares_nothing(tmp_path: Path) -> None:
    """Most migrations need none."""
    assert read_access_file(tmp_path) == AccessFile()
    assert read_access_file(None) == AccessFile()


def pasted(sentence: str) -> str:
    """The lines of a message, with a reason of the author's own."""
    return sentence.split("beside migration.yaml: ", 1)[1].replace(SAY_WHY, "it was agreed that it is")


def test_what_to_declare_can_be_pasted(tmp_path: Path) -> None:
    """Whoever is told that something is undeclared wants the lines, and the lines must be right."""
    view = AccessChange(
        "gained", "service_role", "public.v", ("select",), "service_role can select it", object_is_new=True
    )
    against = decide("unchanged", AccessFile(), Proof(Verdict.SAME, changes=(OPENED, view))).against
    (tmp_path / "access.yaml").write_text(pasted(against[-1]))
    declared = read_access_file(tmp_path)
    assert decide("unchanged", declared, Proof(Verdict.SAME, changes=(OPENED, view))).outcome == "as declared"
    changed = decide("unchanged", AccessFile(), Proof(Verdict.DIFFERENT, differences=(LOST,))).against[-1]
    (tmp_path / "access.yaml").write_text(pasted(changed))
    assert (
        decide("changed", read_access_file(tmp_path), Proof(Verdict.DIFFERENT, differences=(LOST,))).outcome
        == "as declared"
    )


def test_two_opinions_that_disagree_count_against() -> None:
    """A disagreement is a mistake of ours or a policy that is not what it seems: nobody may be left in the belief of a proof."""
    found = Disagreement("new", Cell("public.t", "select", "authenticated"), "user 1", "3 rows", "4 rows")
    decision = decide("unchanged", AccessFile(), Proof(Verdict.NOT_PROVED, disagreements=(found,)))
    assert not decision.passes
    assert any("really gets 4 rows" in sentence for sentence in decision.against)


def test_an_error_that_users_really_get_is_told_once_and_not_offered_to_be_declared() -> None:
    """Six sentences of one error, and below them the line that excuses it, is how it gets to production."""
    cell = Cell("public.t", "select", "authenticated")
    errors = [
        Disagreement("new", cell, f"user {n}", "3 rows", "42501 permission denied for function f") for n in (1, 2, 3)
    ]
    refused = decide("unchanged", AccessFile(), Proof(Verdict.NOT_PROVED, disagreements=tuple(errors)))
    (told,) = (each for each in refused.against if "permission denied" in each)
    assert told.endswith(f"{errors[0].sentence} (2 more like it)")
    assert any("hardly ever what is meant" in each for each in refused.against)
    assert not any("unproven" in each for each in refused.against)


TRIGGER = Unsettled("public.t", 'trigger "public.t.guard" is gone, and it takes part in every write there')


@pytest.mark.parametrize("access", ["unchanged", "changed"])
def test_what_is_not_settled_fails_until_it_is_named(access: Access, tmp_path: Path) -> None:
    """Forty harmful changes passed under the words "not proved": a word that stops nothing is read by nobody."""
    proof = Proof(Verdict.NOT_PROVED, unsettled=(TRIGGER,))
    refused = decide(access, AccessFile(), proof)
    assert not refused.passes
    (tmp_path / "access.yaml").write_text(pasted(refused.against[-1]))
    accepted = decide(access, read_access_file(tmp_path), proof)
    assert accepted.passes
    assert accepted.shown[0].startswith("declared as unproven: ")
    other = AccessFile.model_validate({"unproven": [{"object": "public.other", "why": "another table"}]})
    assert not decide(access, other, proof).passes


def test_without_a_companion_what_is_not_settled_is_shown_before_all_else() -> None:
    """Nothing is promised there, and whoever approves must still read it first."""
    change = AccessChange("changed", "anon", "public.t", ("select",), "a policy is new", decides=False)
    decision = decide("undeclared", AccessFile(), Proof(Verdict.NOT_PROVED, changes=(change,), unsettled=(TRIGGER,)))
    assert (decision.passes, decision.outcome) == (True, "undeclared")
    assert decision.shown[0] == TRIGGER.sentence


def test_a_declared_loss_covers_no_gain() -> None:
    """`members lose old rows` let everybody gain every row, because an entry had no direction."""
    gained = replace(LOST, direction="gained", sentence="user 1 gained 2 rows")
    lost_only = AccessFile.model_validate({"changed": [{**CHANGED, "direction": "lost"}]})
    assert decide("changed", lost_only, Proof(Verdict.DIFFERENT, differences=(LOST,))).passes
    refused = decide("changed", lost_only, Proof(Verdict.DIFFERENT, differences=(LOST, gained)))
    assert not refused.passes
    assert "direction gained" in refused.against[0]
    old_form = decide(
        "changed", AccessFile.model_validate({"changed": [CHANGED]}), Proof(Verdict.DIFFERENT, differences=(LOST,))
    )
    assert old_form.passes
    assert any(sentence.startswith("warning: ") for sentence in old_form.shown)


def test_a_reason_that_our_own_message_proposed_is_none() -> None:
    """Pasted as it was printed, it would declare a breach for no reason at all."""
    with pytest.raises(ValidationError, match="write the reason itself"):
        AccessFile.model_validate({"changed": [{**ENTRY, "why": f"{SAY_WHY} meant"}]})


def test_an_error_is_proposed_by_nobody_and_passes_where_the_author_declared_it() -> None:
    """A breach that is pasted as it was offered is one click; what an author wrote down by hand is a decision."""
    broken = replace(LOST, direction="error")
    refused = decide("unchanged", AccessFile(), Proof(Verdict.DIFFERENT, differences=(broken,)))
    assert any("hardly ever what is meant" in sentence for sentence in refused.against)
    assert not any("beside migration.yaml" in sentence for sentence in refused.against)
    entry = {"role": "authenticated", "object": "public.t", "command": "*", "direction": "both", "why": "it goes"}
    declared = AccessFile.model_validate({"changed": [entry]})
    assert decide("changed", declared, Proof(Verdict.DIFFERENT, differences=(broken,))).passes
