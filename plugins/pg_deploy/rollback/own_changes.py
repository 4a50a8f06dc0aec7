"""What an attempt did itself: only that is taken back. What it cannot have done was done by others meanwhile.

Three witnesses say what was done, the most exact first: the difference that a rehearsal of the same text made on a copy where
nobody else works; the transactions that wrote the rows of the catalog; and the text of the statements that took effect. What
a statement may have changed, and no witness gives to others, is never theirs: it is the attempt's, or in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pg_deploy.catalog.dependencies import parents_of
from pg_deploy.catalog.diff import Difference, compare
from pg_deploy.catalog.kinds import DEPENDENCY, ON_RELATION, RELATION, RELATIONS, SAID
from pg_deploy.catalog.names import Identity, Key, identity_of, parsed, unquoted
from pg_deploy.catalog.reach import reached
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.parsing.statements import Statement
from pg_deploy.rollback.generator.draft import owned_by
from pg_deploy.rollback.generator.order import dependents, relation_of
from pg_deploy.rollback.generator.renames import take_back_names
from pg_deploy.rollback.goal import parts_of

_IDENTIFIER = re.compile(r'"(?:[^"]|"")*"|[\w$]+')
_OF_SEVERAL_NAMES = ("cast", "transform", "operator", "user mapping", "publication schema")
"""What has no word for a name of its own: a text that names all its parts names it."""
_PLACES = ("this database", "every role")
_UNNAMED_CONSTRAINT = frozenset({"references", "unique", "primary", "check", "exclude", "foreign", "null"})
# Words of a statement's kind by which it can touch a fact of that kind; a kind that is not here may be touched by any.
_TOUCHED_BY = {
    "table": ("table",),
    "column": ("table", "view", "type"),
    "constraint": ("table", "domain"),
    "index": ("index", "table"),
    "statistics": ("statistics",),
    "policy": ("policy",),
    "trigger": ("trigger", "table"),
    "rule": ("rule", "table"),
    "view": ("view", "table"),
    "materialized view": ("view", "table"),
    "sequence": ("sequence", "table"),
    "function": ("function", "routine"),
    "procedure": ("procedure", "routine"),
    "type": ("type", "domain"),
    "grant": ("grant", "revoke"),
    "default grant": ("alter default privileges",),
    "comment": ("comment",),
    "membership": ("grant", "revoke", "role", "group", "user"),
    "role": ("role", "group", "user"),
    "setting": ("role", "database", "user"),
}
# What commands on a table change without naming it: NOT NULL by a key's index or a validated constraint, what comes with
# a partition, a parent or a type.
_CHANGED_WITH_TABLE = ("column", "constraint", "index", "trigger", "rule", "statistics")
_FOLLOWING = ("column", "constraint", "index", "trigger")
"""What partitions and children get, change and lose together with their parent."""


@dataclass(frozen=True)
class Doing:
    """What is known of an attempt's effects: the keys that its rehearsal changed, those that its transactions wrote, if
    there are any, and its statements. `others`: keys that others wrote, and the attempt not after them; `later`: those that
    others wrote after it had begun, which may hide that it wrote them too."""

    statements: Sequence[Statement]
    rehearsed: frozenset[Key] = frozenset()
    written: frozenset[Key] = frozenset()
    others: frozenset[Key] = frozenset()
    later: frozenset[Key] = frozenset()

    def own(self, before: Facts, after: Facts) -> frozenset[Key]:
        """The keys of that part of the difference which is the attempt's. Pure."""
        found = compare(before, after)
        own = self.own_of(found, before, _remade(before, after))
        return own | _renamed_along(before, after, found, own) | _moved_up(found, own)

    def own_of(self, found: Difference, before: Facts, remade: frozenset[Key] = frozenset()) -> frozenset[Key]:
        """As `own`, of a difference that `before` leads away from; `remade`: what was dropped and made again. Pure."""
        every = [*found.removed, *found.new_facts]
        certain = self.rehearsed | self.written
        above = _parents([*before.facts, *found.new_facts])
        own = {fact.key for fact in every if fact.key in certain or self._names(fact, above)}
        if not self.rehearsed:
            may = {fact.key for fact in every if self._may_have_changed(fact, above)}
            own |= may - self.others - self.later
        # A constraint's index has its name, in its table's schema.
        own |= found.keys & {("index", identity_of(key).beside("index")) for key in own if key[0] == "constraint"}
        own |= parts_of(found.added, own)
        again = {key for key in remade if key in own or self._names(before.by_key[key], above)}
        return frozenset(own | _taken_along(found, before, own, again))

    def doubtful(self, before: Facts, after: Facts) -> frozenset[Key]:
        """The keys of that part of the difference which may be the attempt's or another's: no witness decides. Pure."""
        return self.doubtful_of(compare(before, after), before) - self.own(before, after)

    def doubtful_of(self, found: Difference, before: Facts) -> frozenset[Key]:
        """As `doubtful`, of a difference that `before` leads away from. Pure."""
        unseen = any(statement.unseen or _takes_along(statement) for statement in self.statements)
        above = _parents([*before.facts, *found.new_facts])
        every = (*found.removed, *found.new_facts)
        may = {fact.key for fact in every if unseen or (not self.rehearsed and self._may_have_changed(fact, above))}
        return frozenset(may) - self.own_of(found, before) - self.others - parts_of(found.added, self.others)

    def _names(self, fact: Fact, above: Mapping[str, frozenset[str]]) -> bool:
        return any(_is_named(fact, statement, _tokens(statement.brief), above) for statement in self.statements)

    def _may_have_changed(self, fact: Fact, above: Mapping[str, frozenset[str]]) -> bool:
        relation = relation_of(fact)
        if fact.kind not in _CHANGED_WITH_TABLE or relation is None:
            return False
        names = {_word(parsed(RELATION, each)) for each in (relation, *above.get(relation, ()))}
        return any(
            _changes_parts(fact, statement) and bool(names & _tokens(statement.brief)) for statement in self.statements
        )


def _remade(before: Facts, after: Facts) -> frozenset[Key]:
    """What has its name and another address: it was dropped and made again."""
    if before.objects is None or after.objects is None or not before.objects.is_of(after.objects):
        return frozenset()
    now = after.objects.addresses
    was = before.objects.addresses.items()
    return frozenset(key for key, address in was if key in before.by_key and now.get(key, address) != address)


def _taken_along(found: Difference, before: Facts, own: AbstractSet[Key], again: AbstractSet[Key]) -> AbstractSet[Key]:
    """What a cascade took along names what was dropped, and its parts went too; what names a label reads otherwise with it."""
    gone = {fact.key for fact in found.removed}
    changed = {old.key: (old, new) for old, new in found.changed}
    labels = {key for key, (old, new) in changed.items() if old.properties.get("enum") != new.properties.get("enum")}
    # Nobody keeps the rights and comments of what is dropped and made again.
    taken: set[Key] = set(parts_of(found.removed, again))
    taken |= {fact.key for fact in found.removed if ("column", owned_by(fact)) in own}
    along: AbstractSet[Key] = (own & gone) | taken
    taken |= dependents(before.by_key, own & labels) & changed.keys()
    while along:
        more = (dependents(before.by_key, along) & (gone | changed.keys())) | parts_of(found.removed, along)
        along = more - taken - own
        taken |= along
    return taken


def _moved_up(found: Difference, own: frozenset[Key]) -> frozenset[Key]:
    """Columns that have another position only because one before them went or came."""
    tables = {identity_of(key).relation for key in own if key[0] == "column"}
    return frozenset(
        old.key
        for old, new in found.changed
        if old.kind == "column"
        and old.identity.relation in tables
        and {**old.properties, "position": 0} == {**new.properties, "position": 0}
    )


def _renamed_along(before: Facts, after: Facts, found: Difference, own: frozenset[Key]) -> frozenset[Key]:
    """What reads otherwise only because the attempt renamed something: known by the addresses, if they are kept."""
    renaming = take_back_names(before, after)
    if not any(now in own or then in own for now, then in renaming.keys.items()):
        return frozenset()
    names = {key for pair in renaming.keys.items() for key in pair}
    same = {old.key for old, _ in found.changed if renaming.facts.get(old.key) == old}
    return frozenset((names & found.keys) | same)


def list_changes(before: Facts, after: Facts) -> dict[str, list[list[str]]]:
    """The keys of a difference by what became of them, for the evidence of a rehearsal. Pure."""
    found = compare(before, after)
    return {
        "added": [[fact.kind, fact.identity] for fact in found.added],
        "removed": [[fact.kind, fact.identity] for fact in found.removed],
        "changed": [[fact.kind, fact.identity] for _, fact in found.changed],
    }


def _changes_parts(fact: Fact, statement: Statement) -> bool:
    """Whether it may change a part of a relation that it does not name."""
    if fact.kind == "index" and statement.kind == "create index":
        return True  # one on each partition
    return statement.kind in (
        "alter table",
        "alter foreign table",
        "alter view",
        "alter materialized view",
        "create table",
    )


def _takes_along(statement: Statement) -> bool:
    """Whether it may change, or drop, what it does not name and what names nothing of it."""
    return statement.kind.startswith(("drop owned", "reassign owned", "import foreign schema", "drop schema"))


def _parents(facts: Iterable[Fact]) -> Mapping[str, frozenset[str]]:
    """All that each table inherits from, or is a partition of, at any distance."""
    direct: dict[str, set[str]] = {}
    for fact in facts:
        if fact.kind in RELATIONS:
            direct.setdefault(fact.identity, set()).update(parents_of(fact))
    return {
        relation: reached(parents, lambda each: direct.get(each, ())) for relation, parents in direct.items() if parents
    }


def _is_named(fact: Fact, statement: Statement, tokens: frozenset[str], above: Mapping[str, frozenset[str]]) -> bool:
    if not _may_touch(fact, statement, tokens):
        return False
    identity = fact.identity
    if fact.kind == "cron job":
        return (bool(identity.name) and identity.name in statement.sql) or any(
            text in statement.sql for text in map(str, fact.properties.values()) if len(text) > 8
        )
    if fact.kind == "grant":
        return identity.of is not None and _names_grant(identity.of, identity.role, tokens)
    if fact.kind == "constraint" and _word(identity.relation) in tokens:
        return _word(identity) in tokens or bool(_UNNAMED_CONSTRAINT & tokens)
    if fact.kind in ON_RELATION:
        parents = above.get(identity.relation, ()) if fact.kind in _FOLLOWING else ()
        relations = (identity.relation, *(parsed(RELATION, each) for each in parents))
        return _word(identity) in tokens and any(_word(each) in tokens for each in relations)
    if fact.kind == "index" and statement.kind.startswith("create index") and not statement.creates:
        relation = relation_of(fact)
        return relation is not None and _word(relation) in tokens
    if fact.kind in ("membership", "setting", "default grant"):
        return any(_tokens(part) & tokens for part in identity.parts if part not in _PLACES)
    if fact.kind == DEPENDENCY:
        return identity.of is not None and {_word(identity.of), unquoted(identity.part("extension")).lower()} <= tokens
    return _names_object(identity.of if fact.kind in SAID and identity.of is not None else identity, tokens)


def _names_object(identity: Identity, tokens: frozenset[str]) -> bool:
    if identity.kind in _OF_SEVERAL_NAMES:
        return frozenset().union(*map(_tokens, identity.parts)) - {"none"} <= tokens
    return _word(identity) in tokens


def _names_grant(of: Identity, holder: str, tokens: frozenset[str]) -> bool:
    if of.kind == "column" and _word(of.relation) not in tokens:
        return False
    word = "database" if of.kind == "database" else _word(of)
    named = word in tokens or {"all", "in", "schema"} <= tokens
    return named and (holder.lower() in tokens or "owner" in tokens)


def _may_touch(fact: Fact, statement: Statement, tokens: frozenset[str]) -> bool:
    words = _TOUCHED_BY.get(fact.kind)
    if words is None or statement.opaque or (fact.kind == "grant" and "owner" in tokens):
        return True
    return any(word in statement.kind for word in words)


def _word(identity: Identity) -> str:
    """Its own name, as `_tokens` has it."""
    return identity.plain_name.lower()


def _tokens(sql: str) -> frozenset[str]:
    return frozenset(unquoted(token).lower() for token in _IDENTIFIER.findall(sql))
