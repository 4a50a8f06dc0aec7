"""Two real applications that use an ORM: the workload proof names what a migration breaks for them, and only that."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pg_deploy.catalog.reader import read_facts
from pg_deploy.ledger.kinds.workload import GATING, Effect, Workload, WorkloadProof
from pg_deploy.postgres.session import Target
from pg_deploy.workload.proof import ask_again, ask_before, compare_answers, sum_up_proof
from pg_deploy.workload.record import record_workload
from tests.applications.application import Site, use_application
from tests.applications.replay import newly_failing, recorded_texts

pytestmark = pytest.mark.acceptance


@dataclass(frozen=True)
class Application:
    """What is installed, how it is used, and migrations: one that breaks nothing, and some that break something."""

    script: str
    packages: tuple[str, ...]
    harmless: str
    harmful: tuple[str, ...]


APPLICATIONS = {
    "wagtail": Application(
        "wagtail_site.py",
        ("wagtail==8.0.1", "psycopg[binary]==3.3.9"),
        "create index on wagtailcore_page (seo_title); alter table auth_group add column note text;"
        " alter table wagtailcore_collection alter column name set default 'x'",
        (
            "alter table wagtailcore_site rename column site_name to name_of_site",
            "alter table wagtailcore_revision drop column content cascade",
            "alter table wagtailcore_revision add column made_by text not null default '';"
            " alter table wagtailcore_revision alter column made_by drop default",
            "revoke delete on django_session from app",
        ),
    ),
    "ihatemoney": Application(
        "ihatemoney_site.py",
        ("ihatemoney==7.2.1", "psycopg2-binary==2.9.13"),
        "create index on bill (date); alter table project add column note text; alter table bill alter column what set default 'x'",
        (
            "alter table bill rename column external_link to link",
            "alter table person drop column weight cascade",
            "drop table billowers cascade",
            "alter table transaction alter column issued_at type text using issued_at::text; drop table person_version",
        ),
    ),
}


@pytest.fixture(scope="module", params=sorted(APPLICATIONS))
def application(request: pytest.FixtureRequest) -> Iterator[tuple[Application, Site, Workload]]:
    """One of them, used once, and what the server recorded of that."""
    chosen = APPLICATIONS[request.param]
    with tempfile.TemporaryDirectory() as folder, use_application(chosen.script, chosen.packages, Path(folder)) as site:
        with site.connect("app") as admin:
            workload = record_workload(admin, ledger="deploy_ledger")
        yield chosen, site, workload


def _proof(site: Site, workload: Workload, migration: str) -> WorkloadProof:
    target = Target("copy", site.conninfo(site.copy("app", "asked")))
    with site.connect("asked") as admin:
        facts = read_facts(admin)
        before = ask_before(target, workload, logging.getLogger(__name__))
        admin.execute(migration.encode())
        after = ask_again(target, before)
        return sum_up_proof("application", before, after, compare_answers(before, after, (facts, read_facts(admin))))


def test_nearly_all_that_an_application_sends_can_be_asked(application: tuple[Application, Site, Workload]) -> None:
    """Else the proof is silent on what matters, and says so to nobody."""
    chosen, site, workload = application

    proof = _proof(site, workload, chosen.harmless)

    assert len(workload.statements) > 30
    assert proof.calls_askable >= 0.98, [each for each in proof.findings if each.effect is Effect.NOT_ASKABLE]


def test_a_migration_that_the_application_does_not_notice_is_said_to_break_nothing(
    application: tuple[Application, Site, Workload],
) -> None:
    """Else nobody believes a red rehearsal."""
    chosen, site, workload = application
    with site.connect(site.copy("fresh", "later")) as admin:
        admin.execute(chosen.harmless.encode())

    proof = _proof(site, workload, chosen.harmless)

    assert not newly_failing(site, site.copy("fresh", "earlier"), "later")
    assert not [each for each in proof.findings if each.effect in {*GATING, Effect.SHAPE_CHANGED}]


@pytest.mark.parametrize("number", range(4))
def test_what_fails_when_the_log_is_replayed_is_what_the_proof_names(
    application: tuple[Application, Site, Workload], number: int
) -> None:
    """The check from outside: the application's own log, sent by psql to a copy before and to a copy after the migration."""
    chosen, site, workload = application
    migration = chosen.harmful[number]
    with site.connect(site.copy("fresh", "later")) as admin:
        admin.execute(migration.encode())
    failing = newly_failing(site, site.copy("fresh", "earlier"), "later")

    proof = _proof(site, workload, migration)

    expected = recorded_texts(site, "fresh", failing)
    assert expected
    assert {each.subject for each in proof.findings if each.effect in GATING} == expected
