"""What the engine would generate for each of the guide's migrations, if it brought no rollback.sql."""

from __future__ import annotations

import pytest

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import read_facts
from pg_deploy.postgres.session import Target
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.generator.test_generated_rollback import run
from tests.migrations.conftest import Copy
from tests.migrations.runner import FOLDER, STEMS, apply


@pytest.mark.parametrize("stem", STEMS)
def test_a_generated_rollback_leaves_nothing_behind(copy: Copy, stem: str) -> None:
    """The hardest cases that we ship: helpers that policies call, views over telemetry, a cron job, concurrent indexes."""
    with Target("copy", copy.url).session("test") as connection:
        state, before = copy.state(), read_facts(connection, objects="all")
        apply(copy.connection, stem)
        after = read_facts(connection, objects="all")
        generated = generate_rollback(before, after, migration_sql=(FOLDER / f"{stem}.sql").read_text())
        assert not generated.refusals
        assert not generated.losses
        run(connection, generated.sql)
        left = describe(compare(before, read_facts(connection)))
        assert not left, "\n".join((*left, generated.sql))
        assert copy.state() == state
