"""What access.yaml declares, and what it cannot hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.access.change import AccessChange
from pg_deploy.access.decide import AccessFile, decide, read_access_file
from pg_deploy.access.drilldown import RowDifference
from pg_deploy.access.proof import Proof
from pg_deploy.access.real import Cell
from pg_deploy.access.rowsets import Disagreement
from pg_deploy.errors import InvalidAccessFileError

OPENED = AccessChange(
    "gained", "anon", "public.v", ("select",), 'view "public.v" is new: anon can select it', opened=True
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
    proof = Proof("proved unchanged", changes=(OPENED,))
    assert not decide("unchanged", AccessFile(), proof).passes
    assert decide("unchanged", AccessFile.model_validate({"opened": [ENTRY]}), proof).passes
    other = AccessFile.model_validate({"opened": [{**ENTRY, "role": "authenticated"}]})
    assert not decide("unchanged", other, proof).passes


def test_changed_must_be_what_is_declared_and_all_of_it() -> None:
    """A declaration that nothing matches is a change that did not happen, and one too few is a leak."""
    proof = Proof("different", differences=(LOST,))
    assert not decide("unchanged", AccessFile.model_validate({"changed": [CHANGED]}), proof).passes
    assert decide("changed", AccessFile.model_validate({"changed": [CHANGED]}), proof).outcome == "as declared"
    assert not decide(
        "changed", AccessFile.model_validate({"changed": [{**CHANGED, "command": "select"}]}), proof
    ).passes
    nothing = decide("changed", AccessFile.model_validate({"changed": [CHANGED]}), Proof("proved unchanged"))
    assert not nothing.passes
    assert "nothing of it was found" in nothing.against[0]


def test_without_a_companion_everything_is_shown_and_nothing_fails() -> None:
    """A project's old migrations promise nothing about access; what they do is still worth reading."""
    decision = decide("undeclared", AccessFile(), Proof("different", changes=(OPENED,), differences=(LOST,)))
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


def test_what_to_declare_can_be_pasted(tmp_path: Path) -> None:
    """Whoever is told that something is undeclared wants the lines, and the lines must be right."""
    view = AccessChange("gained", "service_role", "public.v", ("select",), "service_role can select it", opened=True)
    against = decide("unchanged", AccessFile(), Proof("proved unchanged", changes=(OPENED, view))).against
    pasted = against[-1].split("beside migration.yaml: ", 1)[1]
    (tmp_path / "access.yaml").write_text(pasted)
    declared = read_access_file(tmp_path)
    assert decide("unchanged", declared, Proof("proved unchanged", changes=(OPENED, view))).outcome == "as declared"
    changed = decide("unchanged", AccessFile(), Proof("different", differences=(LOST,))).against[-1]
    (tmp_path / "access.yaml").write_text(changed.split("beside migration.yaml: ", 1)[1])
    assert (
        decide("changed", read_access_file(tmp_path), Proof("different", differences=(LOST,))).outcome == "as declared"
    )


def test_two_opinions_that_disagree_are_shown() -> None:
    """A disagreement is a mistake of ours or a policy that is not what it seems: nobody may be left in the belief of a proof."""
    found = Disagreement("new", Cell("public.t", "select", "authenticated"), "user 1", "3 rows", "4 rows")
    decision = decide("unchanged", AccessFile(), Proof("not proved", disagreements=(found,)))
    assert any("really gets 4 rows" in sentence for sentence in decision.shown)
