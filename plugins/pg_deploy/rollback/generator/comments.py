"""Comments: taken away first, while everything is there; written last, when everything is there again."""

from __future__ import annotations

from pg_deploy.catalog.kinds import DEPENDENCY, IN_SCHEMA, OF_THE_DATABASE, OF_TYPES, ON_RELATION, RELATIONS, USING
from pg_deploy.catalog.names import Identity, Key, identity_of
from pg_deploy.postgres.quoting import literal
from pg_deploy.rollback.generator.draft import Draft, Phase

_COMMENTABLE = frozenset(
    {*IN_SCHEMA, *OF_TYPES, *USING, *OF_THE_DATABASE, "subscription", "role", "tablespace", "cast"}
)


def add_dependencies_on_extensions(draft: Draft, keys: set[Key]) -> None:
    """Dependencies on extensions as they were, also of what is made again."""
    again = {key for key in draft.before if key[0] == DEPENDENCY and _subject(key) in draft.made}
    for key in sorted(keys | again):
        identity = identity_of(key)
        of, extension = identity.of, identity.part("extension")
        if of is None:
            continue
        words = f"trigger {of.name} on {of.relation}" if of.kind == "trigger" else f"{of.kind} {of}"
        if key in draft.before:
            draft.add(Phase.COMMENT_ON, f"alter {words} depends on extension {extension}")
        elif _subject(key) in draft.before and _subject(key) not in draft.replaced:
            draft.add(Phase.ALTER, f"alter {words} no depends on extension {extension}")


def add_comments(draft: Draft, keys: set[Key]) -> None:
    """Comments that differ, and those on everything that is made again."""
    again = {key for key in draft.before if key[0] == "comment" and _is_made(draft, _subject(key))}
    for key in sorted(keys | {key for key in again if not _is_lost(draft, key)}):
        subject, target = _subject(key), _target_of(identity_of(key))
        if key not in draft.before and subject in draft.gone:
            continue
        if target is None:
            draft.refuse(key, "comments on this kind of object are not written here")
        elif key not in draft.before:
            if subject not in draft.gone and not _is_part_of_gone(draft, subject):
                draft.add(Phase.COMMENT_OFF, f"comment on {target} is null")
        elif not _is_lost(draft, key):
            # An index that is built apart from the transaction is commented on after that.
            phase = Phase.CONCURRENTLY if subject in draft.built_concurrently else Phase.COMMENT_ON
            draft.add(phase, f"comment on {target} is {literal(str(draft.before[key].properties['text']))}")


def _subject(key: Key) -> Key | None:
    """The fact that a comment or a dependency is about."""
    of = identity_of(key).of
    return (of.kind, of) if of is not None else None


def _is_made(draft: Draft, subject: Key | None) -> bool:
    if subject is None:
        return False
    return subject in draft.made or (subject[0] == "column" and draft.is_made_relation(identity_of(subject).relation))


def _is_lost(draft: Draft, key: Key) -> bool:
    """Whether the comment is on something that cannot be made again, which is refused by itself."""
    subject = _subject(key)
    if subject is None:
        return False
    of = identity_of(subject).relation
    if subject[0] == "column" and (
        ("table", of) not in draft.before
        or ("generated" in draft.before[subject].properties and ("table", of) in draft.after)
    ):
        # A view's column, or a generated one, which is made again.
        return False
    refused = ("table", "column")
    return (subject in draft.missing and subject[0] in refused) or ("table", of) in draft.missing


def _is_part_of_gone(draft: Draft, subject: Key | None) -> bool:
    if subject is None or subject[0] not in ON_RELATION:
        return False
    of = identity_of(subject).relation
    return any((kind, of) in draft.gone for kind in (*RELATIONS, "type"))


def _target_of(comment: Identity) -> str | None:
    """How COMMENT ON names the object; None if no comment is written here for its kind."""
    of = comment.of
    if of is None:
        return None
    if of.kind == "column":
        return f"column {of}"
    if of.kind in ON_RELATION:
        on = "domain " if comment.server_kind == "domain constraint" else ""
        return f"{of.kind} {of.name} on {on}{of.relation}"
    if of.kind not in _COMMENTABLE:
        return None
    return f"{of.kind} {comment.name_in_comment}"
