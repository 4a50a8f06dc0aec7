"""Neither an author nor a name in the database can forge the text that a person decides by. Pure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pg_deploy.migrations.migration import Migration, load, read_folder
from pg_deploy.preflight.plan_text import MigrationToApprove, approval_text
from pg_deploy.presentation.markdown import as_code_block, as_plain_markdown
from tests.building import write_migration

STEM = "20250101000000_change"
FORGED = {
    "a hidden rest": "none.\n\n### SQL\n```sql\nselect 1;\n```\n\n<!--",
    "a heading": "# Approved by ann",
    "a fence": "````\n### Rehearsal\n✓ passed",
    "a link": "[the page](http://evil.example)",
    "a bare link": "see https://evil.example/x and www.evil.example",
    "an image": "![](http://evil.example/pixel.png)",
    "a reference": "[x]: http://evil.example",
    "html": "<b onclick=alert(1)>ok</b> &lt;!-- &#60;",
    "a list": "- done\n1. done\n+ done",
    "emphasis": "**Risk:** low _really_ ~~no~~ `low`",
    "a table": "a | b\n--|--\n",
    "a line under a heading": "Title\n===",
    "an escape": "\\<!-- \\\\<!--",
    "reading turned around": "safe \u202egnp.exe\u2066 x\u200by",
    "an address": "mailto:x@evil.example",
}
# Characters that open something in Markdown, without the backslash that would make them harmless.
_OPENS = re.compile(
    r"(?<!\\)(?:\\\\)*[`*\[\]#!|<>~&@]|(?<![\w\\])_|^[-+=]|^\d+[.)]|[A-Za-z]://|www\.|[\u202a-\u202e\u2066-\u2069\u200b]"
)


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_a_text_can_be_nothing_but_text(text: str) -> None:
    """Else an author could hide what follows, draw a verdict of their own, or load a picture that reports who looks."""
    shown = as_plain_markdown(text)

    assert "\n" not in shown
    assert _OPENS.search(shown) is None, shown
    # Read back, the text is the same, unless it held invisible characters.
    if not re.search(r"[\u200b-\u206f]", text):
        assert re.sub(r"\\(.)", r"\1", shown) == " ".join(text.split())


@pytest.mark.parametrize(
    "text", ["public.t_a_b", "adds 3 columns to public.orders, 2 s", "line 3: create index i on t (a)"]
)
def test_an_ordinary_text_stays_readable(text: str) -> None:
    """Else people would learn to skip what they cannot read."""
    assert as_plain_markdown(text) == text


def test_code_stays_code_whatever_it_holds() -> None:
    """Else SQL with back-ticks would end its block, and SQL that turns its own direction would be read as something else."""
    shown = as_code_block("select '`````';\n-- \u202e harmless\n", whole="read it there")

    first, *_, last = shown.splitlines()
    assert first == "``````sql"
    assert last == "``````"
    assert "⟨U+202E⟩ harmless" in shown
    long = as_code_block("x" * 30_000, whole="read it there")
    assert long.endswith("**10000 more characters are not shown here: read it there.**")


def _migration(folder: Path, **manifest: str) -> Migration:
    lines = "".join(f"{key}: {value!r}\n" for key, value in manifest.items())
    write_migration(folder / "m", STEM, "delete from public.messages;", rollback="select 1;", manifest=lines)
    return load(read_folder(folder / "m")[0])


def test_hash_and_verdicts_stand_before_anything_that_an_author_wrote(tmp_path: Path) -> None:
    """Else what the eye meets first would be the author's, and a long text would push the truth out of sight."""
    migration = _migration(tmp_path, title="Innocent", impact=FORGED["a hidden rest"].replace("\n", " "), risk="low")
    asked = MigrationToApprove(
        migration, "risk high, and approval is risky", "high", ("it writes rows of x",), verdict="✗ failed"
    )

    lines = approval_text(asked, page="/pg_deploy/runs/d/r").splitlines()

    assert lines[0] == f"**This approval holds for bundle `{migration.bundle_hash}` and no other text.**"
    assert lines[2] == "**Risk:** high (its author says low). **Rehearsal:** ✗ failed. **Access:** unchanged."
    assert lines[4] == "**Why the risk is high:** it writes rows of x."
    assert sum(line.startswith("### SQL") for line in lines) == 1
    assert "<!--" not in re.sub(r"\\.", "", "\n".join(lines))
    assert "delete from public.messages;" in lines


def test_what_stops_working_is_the_first_line_of_all(tmp_path: Path) -> None:
    """Whoever reads one line only must have read this one."""
    asked = MigrationToApprove(
        _migration(tmp_path), "", "low", (), workload="breaks 3 statements that app sends 41,000 times a day"
    )

    first, *_ = approval_text(asked, page="/pg_deploy/runs/d/r").splitlines()

    assert first == "**Workload:** it breaks 3 statements that app sends 41,000 times a day."
