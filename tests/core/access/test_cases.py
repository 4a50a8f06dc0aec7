"""The cases of tests/cases/access, each as a rehearsal runs it: nothing harmful passes unnamed, nothing harmless is called different."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cluster
from tests.core.access.cases import Templates, read_cases, run_case, templates_of
from tests.installed import open_folder
from tests.long import only_quick

FOLDER = Path(__file__).resolve().parents[2] / "cases" / "access"
CASES = {case.name: case for case in read_cases(FOLDER)}

QUICK = (
    "b11_helper_of_a_definer_rpc",
    "c10_realtime_publication_adds_table",
    "c11_bucket_made_public",
    "e02_function_answers_alike_and_deletes_more",
    "h01_two_columns_swap_names_under_a_helper",
    "h11_document_contains_less",
    "i01_quiet_role_check_made_a_to_clause",
    "q00_noop_alter",
    "q21_revoke_public_grant_explicit",
    "w1_harm_using_true",
    "w5_quiet_view_rewrite",
)
"""Those that `make test` runs; `make acceptance` runs the others."""


@pytest.fixture(scope="module")
def templates(demo_cluster: cluster.Cluster) -> Iterator[Templates]:
    with open_folder() as folder:
        yield templates_of(demo_cluster, folder)


@pytest.mark.parametrize("name", only_quick(CASES, QUICK))
def test_a_case_is_what_it_must_be(name: str, templates: Templates) -> None:
    """Each was a way to open rows, or a false alarm, that the proof's words once hid."""
    case = CASES[name]
    ran = run_case(case, templates)
    assert not ran.wrong, "\n".join([ran.line, *ran.told])
    if case.expect == "caught":
        assert ran.objects


def test_who_got_an_error_and_now_gets_rows_has_gained_them(templates: Templates) -> None:
    """ "now get an error: no longer the error" said the opposite of what happened, and proposed nothing to declare."""
    ran = run_case(CASES["w1_harm_using_true"], templates)
    (said,) = [line for line in ran.told if line.startswith("svc_web and 2 more of that role can now")]
    assert "can now select, update and delete 2000 rows" in said
    assert "where it was the error 22P02" in said
    assert not [line for line in ran.told if "now get an error" in line or "hardly ever what is meant" in line]


def test_one_cause_is_told_once_of_a_table(templates: Templates) -> None:
    """The same policy's text after each of five roles hides which roles there are."""
    ran = run_case(CASES["w1_harm_rls_off"], templates)
    assert len([line for line in ran.told if "because row level security is no longer enabled" in line]) == 1
    assert [line for line in ran.told if line.endswith(", for the same reason")]
    (pasted,) = [line for line in ran.told if line.startswith("if that is meant, write")]
    assert pasted.count("role: ") == 1, "what `*` declares is not declared again, command by command"
