"""update_conversation_metadata keeps what others wrote."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.migrations.conftest import Copy
from tests.migrations.runner import METADATA, apply, connect

WRITERS = 8
UPDATES = 100
OWN = "00000000-0000-4000-8000-0000000000c1"
CALL = "select public.update_conversation_metadata(%s, %s)"


@pytest.fixture
def conversation(copy: Copy) -> Copy:
    """The copy with the function, and a conversation of our own with some metadata."""
    apply(copy.connection, METADATA)
    copy.connection.execute(
        "insert into public.conversations (id, domain_id, session_id, metadata)"
        " select %s, id, 'test', '{\"kept\": {\"deep\": 1}}' from public.domains order by id limit 1",
        (OWN,),
    )
    return copy


def test_eight_writers_lose_none_of_800_updates(conversation: Copy) -> None:
    """Reading, changing and writing back lost four of five updates under the same load."""

    def write(writer: int) -> None:
        with connect(conversation.url) as session:
            for number in range(UPDATES):
                session.execute(CALL, (OWN, Jsonb({"session": {f"writer_{writer}": {f"n{number}": number}}})))

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))
    row = conversation.connection.execute("select metadata from public.conversations where id = %s", (OWN,)).fetchone()
    assert row is not None
    assert row[0] == {
        "kept": {"deep": 1},
        "session": {f"writer_{w}": {f"n{n}": n for n in range(UPDATES)} for w in range(WRITERS)},
    }


@pytest.mark.parametrize(
    ("stored", "patch", "merged"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1}}, {"a": {"y": {"z": 2}}}, {"a": {"x": 1, "y": {"z": 2}}}),
        ({"a": {"x": {"p": 1, "q": 2}}}, {"a": {"x": {"q": 3}}}, {"a": {"x": {"p": 1, "q": 3}}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [1, 2]}, {"a": {"0": "x"}}, {"a": {"0": "x"}}),
        ({"a": {"x": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"x": {"y": 1}}}, {"a": {"x": {"y": 1}}}),
        ({"a": {"x": 1}}, {"a": {}}, {"a": {"x": 1}}),
        ({"a": 1, "b": 2}, {"a": None}, {"a": None, "b": 2}),
        ({"a": None}, {"a": {"x": None}}, {"a": {"x": None}}),
        ({"": {"x": 1}}, {"": {"": 2}, "a.b": {"{}": 1}}, {"": {"x": 1, "": 2}, "a.b": {"{}": 1}}),
        (None, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_objects_merge_at_every_depth_and_anything_else_replaces(
    conversation: Copy, stored: object, patch: object, merged: object
) -> None:
    """A shallow merge would drop the siblings of a nested key, a null would wipe the column."""
    conversation.connection.execute(
        "update public.conversations set metadata = %s where id = %s", (Jsonb(stored) if stored else None, OWN)
    )
    row = conversation.connection.execute(CALL, (OWN, Jsonb(patch))).fetchone()
    assert row == (merged,)
    assert (
        conversation.connection.execute("select metadata from public.conversations where id = %s", (OWN,)).fetchone()
        == row
    )


@pytest.mark.parametrize("patch", [None, Jsonb(None), Jsonb([1]), Jsonb("text"), Jsonb(1)])
def test_a_patch_that_is_no_object_is_refused_in_words(conversation: Copy, patch: Jsonb | None) -> None:
    """Object || array makes an array: the application could not read the conversation again."""
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="must be a JSON object"):
        conversation.connection.execute(CALL, (OWN, patch))


def test_metadata_that_is_no_object_is_left_alone(conversation: Copy) -> None:
    """Merging into an array would destroy it."""
    conversation.connection.execute("update public.conversations set metadata = '[1]' where id = %s", (OWN,))
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=OWN):
        conversation.connection.execute(CALL, (OWN, Jsonb({"a": 1})))


def test_a_conversation_that_does_not_exist_gives_null(conversation: Copy) -> None:
    """The guide's own test of the function."""
    assert conversation.connection.execute(CALL, ("0" * 32, Jsonb({"test": True}))).fetchone() == (None,)


@pytest.mark.parametrize("member", [True, False])
def test_a_user_updates_the_conversations_of_their_domains_only(conversation: Copy, member: bool) -> None:
    """With its owner's rights the function would write into any tenant's conversation."""
    having = "exists" if member else "not exists"
    user = conversation.connection.execute(
        f"select u.id::text from auth.users u where {having} (select from public.conversations c"
        " join public.domains d on d.id = c.domain_id"
        " join public.organization_members m on m.organization_id = d.organization_id"
        " where c.id = %s and m.user_id = u.id and m.status = 'active') limit 1",
        (OWN,),
    ).fetchone()
    assert user is not None
    with conversation.connection.transaction():
        conversation.connection.execute("set local role authenticated")
        conversation.connection.execute(
            "select set_config('request.jwt.claims', jsonb_build_object('sub', %s::text)::text, true)", user
        )
        row = conversation.connection.execute(CALL, (OWN, Jsonb({"mine": True}))).fetchone()
    assert row == ({"kept": {"deep": 1}, "mine": True} if member else None,)


def test_anon_may_not_call_it(conversation: Copy) -> None:
    """By Supabase's default privileges every new function in public is an endpoint for everybody."""
    conversation.connection.execute("set role anon")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conversation.connection.execute(CALL, (OWN, Jsonb({"a": 1})))
