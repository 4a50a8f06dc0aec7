"""The target is asked the same pairs before and after; what other people changed meanwhile is no difference."""

from __future__ import annotations

import json

from pg_deploy.access.live import LiveSample, ask_again, take_sample
from tests.core.access.conftest import MIGRATION, Pair, connect


def test_the_migration_and_traffic_raise_nothing(pair: Pair) -> None:
    """A deployment that is undone because a user was suspended meanwhile would be undone every day."""
    with connect(pair.url) as target:
        sample = take_sample(target, seconds=20)
        assert sum(len(keys) for keys in sample.seen.values()) > 100
        sample = LiveSample.from_detail(json.loads(json.dumps(sample.as_detail())))
        pair.deploy(MIGRATION)
        pair.deploy(
            "update public.organization_members set status = 'suspended' where status = 'active'",
            "delete from public.messages",
            "update public.conversations set domain_id = null",
        )
        compared = ask_again(target, sample, seconds=30)
        assert compared.differences == ()
        assert compared.moved > 20
        assert compared.unanswered == 0


def test_a_policy_that_opens_rows_is_told(pair: Pair) -> None:
    """Without a rehearsal, and for what only the target knows, these pairs are all that speaks of access."""
    with connect(pair.url) as target:
        sample = take_sample(target, seconds=20)
        pair.deploy(MIGRATION, "alter policy messages_select on public.messages using (true)")
        compared = ask_again(target, sample, seconds=30)
        assert any("can now select" in said and '"public.messages"' in said for said in compared.differences)
        pair.deploy("alter policy messages_select on public.messages using (false)")
        compared = ask_again(target, sample, seconds=30)
        assert any("can no longer select" in said and '"public.messages"' in said for said in compared.differences)


def test_the_target_is_only_read(pair: Pair) -> None:
    """Asking must never cost the target a row or leave a setting behind."""
    with connect(pair.url) as target:
        take_sample(target, seconds=5)
        assert target.execute("select current_user, current_setting('request.jwt.claims', true)").fetchone() in (
            ("postgres", ""),
            ("postgres", None),
        )
        assert target.info.transaction_status == 0
