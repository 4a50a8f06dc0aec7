"""What a rollback has to lead to, and what it may not touch.

Right after a migration that is the snapshot taken before it. Days later other migrations and other people have changed
the database as well: then the rollback has to take back exactly what the migration did, the difference between its two
snapshots, and to leave all else as it was when the rollback began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pg_deploy.catalog.diff import Difference, compare, describe
from pg_deploy.catalog.kinds import DEPENDENCY, RELATIONS, SAID
from pg_deploy.catalog.names import Identity, Key, identity_of
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.rollback.generator.draft import owned_by
from pg_deploy.rollback.generator.order import mentions, relation_of

OwnOf = Callable[[Difference, Facts], frozenset[Key]]

_CARRIERS = (*RELATIONS, "type", "function", "procedure", "schema")


@dataclass(frozen=True)
class Goal:
    """The facts to reach. `protected` must not go; `tolerated` may end as they were or as expected; both are keys."""

    expected: Facts
    protected: frozenset[Key]
    tolerated: frozenset[Key] = frozenset()
    changed_since: tuple[str, ...] = ()
    """One line for each object of the migration that somebody changed after it."""
    added: frozenset[Key] = frozenset()
    start: Facts | None = None
    own: frozenset[Key] | None = None
    """What the attempt did itself; None if nobody else is at work, so that all of it is."""
    own_of: OwnOf | None = None
    """Which part of a difference that came about during the rollback is the rollback's."""
    doubtful: frozenset[Key] = frozenset()
    """What may be the attempt's or another's: it is not undone, and a reason for red while it differs from `before`."""
    doubtful_of: OwnOf | None = None
    """As `doubtful`, of a difference that came about during the rollback."""
    before: Facts | None = None
    others: tuple[str, ...] = ()
    """One line for each thing that others changed while the attempt was at work: it is left as it is."""
    made_by_older: frozenset[Key] = frozenset()
    """What older migrations of the same set made: their own undoing, which comes after this one, removes it."""

    def reachable(self, now: Facts) -> Facts:
        """What a rollback written now leads to: `expected` without the parts of what the attempt made, and with what is undone
        later and is still there, under the name that it had."""
        if self.start is None or self.before is None:
            return self.expected
        along = parts_of(self.expected.facts, self.added) - self.before.by_key.keys()
        kept = {key: fact for key, fact in self.expected.by_key.items() if key not in along}
        was, there = self.before.objects, now.objects
        if self.made_by_older and was is not None and there is not None:
            undone_later = find_made(self.made_by_older, self.before.facts)
            kept |= {key: self.before.by_key[key] for key in undone_later if was.addresses.get(key) in there.keys}
        return _facts(kept, self.expected)

    def undone_later(self, before: Facts, after: Facts) -> frozenset[Key]:
        """The keys of both that the undoing of an older migration of the same set removes: what it made, and the parts of that."""
        return find_made_between(self.made_by_older, before, after)

    def difference(self, now: Facts) -> Difference:
        """What is not as it has to be; empty when the rollback is proven. What others did meanwhile is no part of it."""
        if self.start is None:
            return compare(self.expected, now)
        found = self._difference_from_expected(now)
        ours = self._ours(found)
        return found.part(lambda fact: fact.key not in self.tolerated and fact.key in ours)

    def in_doubt(self, now: Facts) -> tuple[str, ...]:
        """What differs, and may be the attempt's, its rollback's or another's; one line each."""
        if self.start is None or self.before is None:
            return ()
        kept = describe(compare(self.before, now).part(lambda fact: fact.key in self.doubtful))
        return tuple(dict.fromkeys((*kept, *describe(self._theirs(now, doubtful=True)))))

    def changed_meanwhile(self, now: Facts) -> tuple[str, ...]:
        """What others changed while the rollback was at work; one line each."""
        if self.start is None:
            return ()
        return describe(self._theirs(now, doubtful=False))

    def _theirs(self, now: Facts, *, doubtful: bool) -> Difference:
        found = self._difference_from_expected(now)
        ours = self._ours(found) | self.tolerated
        doubts = self.doubtful_of(found, self.expected) if self.doubtful_of else frozenset()
        return found.part(lambda fact: fact.key not in ours and (fact.key in doubts) is doubtful)

    def _difference_from_expected(self, now: Facts) -> Difference:
        moved = self._moved_tables()
        found = compare(_without_positions(self.expected, moved), _without_positions(now, moved))
        removed = tuple(fact for fact in found.removed if not self._went_along(fact, now))
        return Difference(found.added, removed, found.changed)

    def _ours(self, found: Difference) -> frozenset[Key]:
        if self.own is None or self.own_of is None:
            return found.keys
        return self.own | self.own_of(found, self.expected)

    def went_along(self, now: Facts) -> tuple[str, ...]:
        """What others had made on objects of the migration, and what went with them; one line each."""
        if self.start is None:
            return ()
        found = compare(self.expected, now)
        gone = tuple(fact for fact in found.removed if self._went_along(fact, now))
        return describe(Difference((), gone, ()))

    def _went_along(self, fact: Fact, now: Facts) -> bool:
        return fact.key not in now.by_key and bool(parts_of([fact], self.added))

    def _moved_tables(self) -> frozenset[str]:
        return frozenset(identity_of(key).relation for key in self.added if key[0] == "column")


def snapshot_goal(before: Facts) -> Goal:
    """The state before, as a whole."""
    return Goal(before, frozenset(before.by_key))


def undo_goal(
    before: Facts,
    after: Facts,
    start: Facts,
    own: frozenset[Key] | None = None,
    own_of: OwnOf | None = None,
    doubtful: frozenset[Key] = frozenset(),
    doubtful_of: OwnOf | None = None,
    *,
    made_by_older: frozenset[Key] = frozenset(),
    of_the_set: frozenset[Key] = frozenset(),
) -> Goal:
    """The state at `start` without the difference between `before` and `after`; of that only what is in `own`, if given.

    What older migrations of the same set made (`made_by_older`) is undone later: it may stay as it is or come back. What a
    newer migration of that set changed (`of_the_set`) was changed by nobody else.
    """
    undone_later = find_made_between(made_by_older, before, after) if made_by_older else frozenset()
    whole, after = after, after if own is None else only_own(before, after, own)
    did = compare(before, after)
    others = describe(compare(after, whole).part(lambda fact: fact.key not in doubtful))
    added = frozenset(fact.key for fact in did.added)
    restored = {fact.key: fact for fact in did.old_facts if fact.key not in undone_later}
    expected = {key: fact for key, fact in start.by_key.items() if key not in added} | restored
    touched = added | restored.keys()
    since = [key for key in touched if start.by_key.get(key) != after.by_key.get(key)]
    protected = frozenset(start.by_key.keys() - added - doubtful - parts_of(start.facts, added | doubtful))
    by_others = [key for key in since if key not in of_the_set]
    lines = describe(compare(_only(after, by_others), _only(start, by_others)))
    return Goal(
        replace(_facts(expected, start), objects=before.objects),
        protected,
        frozenset(since) | doubtful | undone_later,
        lines,
        added,
        start,
        own,
        own_of,
        doubtful,
        doubtful_of,
        before,
        others,
        made_by_older,
    )


def find_made(made: frozenset[Key], facts: Iterable[Fact]) -> frozenset[Key]:
    """The keys of `facts` that are in `made`, and of their parts, whoever added them. Pure."""
    every = list(facts)
    return parts_of(every, made) | {fact.key for fact in every if fact.key in made}


def find_made_between(made: frozenset[Key], before: Facts, after: Facts) -> frozenset[Key]:
    """The keys of both sides that are in `made`, and of their parts. Pure.

    What was there before and only became such a part, as an index that got one of the columns, is left out: it comes back.
    """
    return find_made(made, before.facts) | (find_made(made, after.facts) - before.by_key.keys())


def only_own(before: Facts, after: Facts, own: frozenset[Key]) -> Facts:
    """What `after` would be had nobody else been at work: `before` with that part of the difference which is in `own`. Pure."""
    kept = {key: fact for key, fact in before.by_key.items() if key not in own}
    return _facts(kept | {key: after.by_key[key] for key in own if key in after.by_key}, after)


def parts_of(facts: Iterable[Fact], carriers: Iterable[Key]) -> frozenset[Key]:
    """The keys of `facts` that the server drops together with one of `carriers`: an index of a table, and the index's comment."""
    left, found = list(facts), set[Key]()
    more = frozenset(carriers)
    while more:
        is_part = _Parts(more).hold
        more = frozenset(fact.key for fact in left if is_part(fact))
        found |= more
        left = [fact for fact in left if fact.key not in more]
    return frozenset(found)


class _Parts:
    """What is a part of one of these keys."""

    def __init__(self, carriers: frozenset[Key]) -> None:
        self.keys = carriers
        self.wanted = [key for key in carriers if key[0] in (*_CARRIERS, "column")]
        self.names: set[str | None] = {identity for _, identity in self.wanted}
        self.relations = {identity for kind, identity in self.wanted if kind in RELATIONS}
        self.columns = [key for key in self.wanted if key[0] == "column"]
        self.tables = {identity_of(key).relation for key in self.columns}

    def hold(self, fact: Fact) -> bool:
        """Whether the fact is such a part."""
        relation = relation_of(fact)
        if relation in self.names:
            return True
        if fact.kind in ("grant", *SAID, DEPENDENCY):
            return fact.identity.of is not None and self._is_on(fact.identity.of)
        if fact.kind == "sequence":
            column = owned_by(fact)
            return column is not None and (column in self.names or column.relation in self.relations)
        if fact.kind in ("index", "constraint", "statistics") and (
            relation in self.tables or fact.kind == "statistics"
        ):
            text = f"{relation}\n{fact.properties['definition']}"
            return any(mentions(text, key) for key in self.columns)
        return False

    def _is_on(self, of: Identity) -> bool:
        """Whether the object is one of them, a part of one, or the row type of a relation among them."""
        return (of.kind, of) in self.keys or of.relation in self.names or (of.kind == "type" and of in self.relations)


def _only(facts: Facts, keys: Iterable[Key]) -> Facts:
    return _facts({key: facts.by_key[key] for key in keys if key in facts.by_key}, facts)


def _facts(by_key: Mapping[Key, Fact], like: Facts) -> Facts:
    return Facts(frozenset(by_key.values()), like.server_version, like.read_at, like.objects)


def _without_positions(facts: Facts, tables: frozenset[str]) -> Facts:
    """The facts without the positions of columns in `tables`: those lose a column of the migration, and later ones move up."""
    if not tables:
        return facts
    return _facts(
        {
            key: fact.with_properties({name: value for name, value in fact.properties.items() if name != "position"})
            if fact.kind == "column" and fact.identity.relation in tables
            else fact
            for key, fact in facts.by_key.items()
        },
        facts,
    )
