"""The history's statement texts, against what the Supabase CLI itself stored.

`history_cases.json` was recorded from `supabase migration repair --status applied` of the CLI 3.1.0 on a PostgreSQL 15.
"""

from __future__ import annotations

import json
import pathlib

import pytest

from pg_deploy.migrations.history_text import history_statements

CASES = json.loads((pathlib.Path(__file__).parent / "history_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_file_is_cut_as_the_supabase_cli_cuts_it(case: dict[str, object]) -> None:
    """Else `supabase migration fetch` would give a team other files than those that were deployed."""
    assert list(history_statements(str(case["text"]))) == case["statements"]
