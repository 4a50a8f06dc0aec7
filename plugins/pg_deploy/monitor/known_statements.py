"""The statements that the monitor has seen. It remembers them itself, because the server forgets rare ones, and all at a reset."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import psycopg

from pg_deploy.monitor.statements import read_texts, read_texts_size
from pg_deploy.postgres.session import Connection
from pg_deploy.presentation.secrecy import without_certain_secrets

_DAY = 86400
_MOST_KNOWN, _MOST_TEXTS, _LONGEST_TEXT = 20_000, 500, 2_000
# The server reads all texts, however few are asked for. So it is not asked if they are large, and not for days if that took long.
_TOO_LONG_S, _TOO_LARGE = 2.0, 64_000_000
_REST_DAYS = 14


@dataclass(frozen=True)
class KnownStatements:
    """The statements' keys with the day on which each was last counted, the keys that may be new, and the texts that were read.

    `searched` holds how many statements were counted when the texts were last read, and the day on which that took too long.
    """

    known: Mapping[str, int] = field(default_factory=dict)
    pending: frozenset[str] = frozenset()
    texts: dict[str, str] = field(default_factory=dict)
    server_start: datetime | None = None
    searched: dict[str, int] = field(default_factory=dict)

    def after(
        self,
        counted: Iterable[str],
        pending: Collection[str],
        now: datetime,
        known_for_s: float,
        server_start: datetime | None,
    ) -> KnownStatements:
        """The memory after another look. Forgets what was not counted for `known_for_s` seconds. Pure."""
        today = _day(now)
        known = {key: day for key, day in self.known.items() if day >= today - known_for_s / _DAY}
        known.update(dict.fromkeys((key for key in counted if key not in pending), today))
        if len(known) > _MOST_KNOWN:
            known = dict(sorted(known.items(), key=lambda item: item[1])[-_MOST_KNOWN:])
        return replace(self, known=known, pending=frozenset(pending), server_start=server_start)

    def read_texts_of(
        self, connection: Connection, keys: Collection[str], naming: Collection[str], counted: Collection[str]
    ) -> dict[str, str]:
        """The texts of these statements, and of all whose text holds one of `naming`, by key. Reads only.

        Asks the server only if a text is missing, once at most, and not at all if all texts together are large or took too long
        within the last two weeks. Remembers what it read.
        """
        today = _day(datetime.now(timezone.utc))
        may_name_one = len(counted) != self.searched.get("counted") and bool(naming)
        is_resting = today - self.searched.get("too long on", 0) < _REST_DAYS
        if (
            (may_name_one or not self.texts.keys() >= set(keys))
            and not is_resting
            and (read_texts_size(connection) or 0) <= _TOO_LARGE
        ):
            began = time.monotonic()
            try:
                read = read_texts(connection, keys, naming)
            except psycopg.errors.QueryCanceled:
                read = {}
            if time.monotonic() - began > _TOO_LONG_S:
                self.searched["too long on"] = today
            self.searched["counted"] = len(counted)
            merged = {
                **self.texts,
                **{key: without_certain_secrets(text)[:_LONGEST_TEXT] for key, text in read.items()},
            }
            self.texts.clear()
            self.texts.update(kept_texts(merged, keys))
        return dict(self.texts)

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return {
            "known": dict(self.known),
            "pending": sorted(self.pending),
            "texts": self.texts,
            "server_start": self.server_start.isoformat() if self.server_start else None,
            "searched": self.searched,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KnownStatements:
        """Back from the ledger."""
        if not value:
            return cls()
        started = value["server_start"]
        return cls(
            value["known"],
            frozenset(value["pending"]),
            dict(value["texts"]),
            datetime.fromisoformat(started) if started else None,
            dict(value["searched"]),
        )


def kept_texts(texts: Mapping[str, str], keys: Collection[str]) -> dict[str, str]:
    """At most 500 of these texts, those of `keys` first: the server is asked again for each of them that is left out. Pure."""
    return dict(sorted(texts.items(), key=lambda item: item[0] not in keys)[:_MOST_TEXTS])


def _day(moment: datetime) -> int:
    return int(moment.timestamp() // _DAY)
