"""What becomes of a case's text in other names."""

from __future__ import annotations

from tests.core.access.renaming import KEYWORDS, KNOWN, Renaming


def test_names_and_constants_are_others_and_what_the_server_knows_stays() -> None:
    """Else the second run of a case is the first one again, or one of a text that nobody can execute."""
    renaming = Renaming(KEYWORDS | KNOWN)
    told = renaming.text(
        "create policy own on public.docs to authenticated using (owner_id = 'aaaaaaaa-0000-4000-8000-00000000000' || n"
        " and amount <= 100000 and auth.jwt() -> 'app_metadata' ->> 'org_id' like '%@corp.example')"
    )
    assert told == (
        "create policy bja on public.qbpf to authenticated using (bjare_vq = 'bbbbbbbb-0000-4000-8000-00000000000' || n"
        " and nzbhag <= 100003 and nhgu.jwt() -> 'app_metadata' ->> 'bet_vq' like '%@pbec.rknzcyr')"
    )


def test_only_what_is_wanted_is_replaced_where_rows_have_words_of_their_own() -> None:
    """The demonstration's rows say `active`; a policy that says otherwise would let nobody in."""
    renaming = Renaming(KEYWORDS | KNOWN, only={"messages", "sender"})
    assert (
        renaming.text("messages where sender = 'active' and n > 5000")
        == "zrffntrf where fraqre = 'active' and n > 5000"
    )
