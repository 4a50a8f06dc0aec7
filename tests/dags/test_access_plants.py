"""What somebody could slip into migration 3, as whole runs: each ends undone, and the log says who gained or lost what.

The migration's own checks and benchmarks are left out: the access proof alone finds what is found here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from tests.building import write_migration
from tests.core.access.test_plants import BY_SUPERUSER, PLANTS
from tests.dags.harness import Result, run_dag
from tests.looking import Database

FOLDER = Path(__file__).resolve().parents[2] / "sql" / "migrations"
STEM = "20251118000002_optimize_rls_joins"
MIGRATION = (FOLDER / f"{STEM}.sql").read_text()
ROLLBACK = (FOLDER / STEM / "rollback.sql").read_text()
ALONE = {"approval": "none"}
REHEARSED = {"approval": "none", "backup": "full", "rehearse": "full"}

UNDO = {
    "a policy to public": "alter policy conversations_select on public.conversations to authenticated",
    "row level security disabled": "alter table public.messages enable row level security",
    "a policy dropped": (
        "create policy messages_delete on public.messages for delete to authenticated using (false);"
        " comment on policy messages_delete on public.messages is null"
    ),
    "a policy left behind because its name was mistyped": "drop policy conversations_select_v2 on public.conversations",
    "a definer function returning rows, executable by anon": "drop function public.all_messages()",
    "a view with owner's rights": "drop view public.everything",
    "a materialized view granted to authenticated": "drop materialized view public.costs",
    "column grants changed": (
        "revoke update (content) on public.messages from authenticated; grant update on public.messages to authenticated"
    ),
    "a helper that answers about other users": (
        "drop function if exists access_checks.check_domain_access(uuid), access_checks.check_domain_access(uuid, uuid)"
    ),
    "a lookup table's policy": "",
    "a restrictive policy": "drop policy one on public.scrape_jobs",
}

# Without a copy: what the target's own facts, the sample and the migration's own writes say.
SAYS: dict[str, tuple[str, ...]] = {
    "a forgotten status = 'active'": ("can now select", "sampled rows", '"public.conversations"'),
    "using (true)": ("can now select", "sampled rows", '"public.scraped_pages"', "scraped_pages_all"),
    "with check (true) on update": ("can now produce by update", '"public.messages"', "messages_update"),
    "a delete policy widened": ("can now delete", '"public.messages"', "messages_delete"),
    "a null domain_id made visible": ("can now select", '"public.conversations"'),
    "a policy to public": ("more policies than before let anon select", '"public.conversations"'),
    "row level security disabled": ('row level security of "public.messages" is disabled', "can now select"),
    "a policy dropped": ("can no longer", "delete", '"public.messages"'),
    "a policy left behind because its name was mistyped": ('"conversations_select_v2" is new', "which stayed"),
    "a definer function returning rows, executable by anon": (
        'function "public.all_messages()" is new',
        "rights of its owner",
    ),
    "a view with owner's rights": ('view "public.everything" is new: anon can', "rights of its owner"),
    "a materialized view granted to authenticated": ('materialized view "public.costs" is new',),
    "column grants changed": ('authenticated could update table "public.messages"',),
    "data updated so that rows change tenant": ('updates 7 rows of "public.conversations"', "whose domain_id"),
    "rows deleted": ('deletes 3 rows of "public.structured_extractions"',),
    "rows lost rather than gained": ("can no longer select", '"public.website_content"'),
    "a helper body that answers more for one user": ("access_checks.check_domain_access",),
}


@dataclass(frozen=True)
class Demo:
    """A copy of the demo database: the deploying role's URL and the superuser's."""

    url: str
    admin_url: str


@pytest.fixture
def demo(demo_cluster: cluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path}/backups")
    name = f"plants_{secrets.token_hex(4)}"
    yield Demo(cluster.clone(demo_cluster, name), demo_cluster.admin_url(name))
    cluster.drop(demo_cluster, name)


def _deploy(demo: Demo, folder: Path, planted: str, undo: str, conf: Mapping[str, object], **how: object) -> Result:
    write_migration(folder, STEM, f"{MIGRATION}\n{planted};\n", rollback=f"{undo};\n{ROLLBACK}" if undo else ROLLBACK)
    return run_dag("deploy_migrations", demo.url, folder, conf, **how)  # type: ignore[arg-type]


def _said(database: Database) -> str:
    return "\n".join(
        sentence
        for (against,) in database.rows(
            "select detail -> 'against' from deploy_ledger.evidence where kind = 'access' and outcome = 'different'"
        )
        for sentence in against
    )


@pytest.mark.acceptance
@pytest.mark.parametrize("name", SAYS)
def test_a_plant_is_undone_without_a_rehearsal(demo: Demo, tmp_path: Path, name: str) -> None:
    """If no copy can be made, the run has to notice it on the target itself, and the leak must not stay."""
    result = _deploy(demo, tmp_path / "m", PLANTS[name][0], UNDO.get(name, ""), ALONE)

    database = Database(demo.url)
    text = _said(database)
    assert result.state == "failed", result.text
    for part in SAYS[name]:
        assert part in text, f"{part}\n---\n{text}\n---\n{result.text}"
    assert database.attempts == [(STEM[:14], "rolled_back")]


@pytest.mark.acceptance
@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_is_found_on_the_copy_before_the_target_is_touched(demo: Demo, tmp_path: Path, name: str) -> None:
    """A leak should be found in the rehearsal, with everybody whom it concerns, before it harms anybody."""
    result = _deploy(demo, tmp_path / "m", PLANTS[name][0], UNDO.get(name, ""), REHEARSED)

    database = Database(demo.url)
    text = _said(database)
    assert result.state == "failed", result.text
    assert result.tasks["rehearse"] == "failed", result.text
    for part in PLANTS[name][1]:
        assert part in text, f"{part}\n---\n{text}\n---\n{result.text}"
    assert database.attempts == []


SUPERUSERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "auth.uid() replaced": (
        BY_SUPERUSER["auth.uid() replaced for one user"][0],
        "",
        ('function "auth.uid()"', "is defined differently"),
    ),
    "bypassrls": (
        "alter role authenticated bypassrls",
        "alter role authenticated nobypassrls",
        ('role "authenticated" now bypasses row level security',),
    ),
}


@pytest.mark.acceptance
@pytest.mark.parametrize("name", SUPERUSERS)
@pytest.mark.parametrize("conf", [ALONE, REHEARSED], ids=["alone", "rehearsed"])
def test_what_the_superuser_does_meanwhile_is_reported_too(
    demo: Demo, tmp_path: Path, name: str, conf: dict[str, object]
) -> None:
    """The deploying role cannot do it, somebody else can, and between snapshot and verify it looks like the migration's work."""
    planted, undone, expected = SUPERUSERS[name]

    def plant() -> None:
        with psycopg.connect(demo.admin_url, autocommit=True) as admin:
            admin.execute(planted.encode())

    try:
        how: dict[str, Callable[[], None] | str] = {"during": plant, "when": "^  access: asked as .* about"}
        result = _deploy(demo, tmp_path / "m", "select 1", "", conf, **how)
        text = _said(Database(demo.url))
        assert result.state == "failed", result.text
        assert all(part in text for part in expected), f"{text}\n---\n{result.text}"
    finally:
        if undone:
            with psycopg.connect(demo.admin_url, autocommit=True) as admin:
                admin.execute(undone.encode())


@pytest.mark.acceptance
def test_the_migration_itself_raises_nothing_under_a_load(demo: Demo, tmp_path: Path) -> None:
    """A deployment that is undone because people worked meanwhile is undone every day."""
    from tests.dags.load import writing

    with writing(demo.admin_url) as load:
        result = _deploy(demo, tmp_path / "m", "select 1", "", ALONE)
        assert load.writes() > 20
    database = Database(demo.url)
    assert result.state == "success", result.text
    assert database.attempts == [(STEM[:14], "verified")]
    (detail,) = database.rows("select detail from deploy_ledger.evidence where kind = 'access sample asked again'")
    assert detail[0]["pairs"] > 100
    assert detail[0]["differences"] == []
    assert "sampled, not proven" in result.text
