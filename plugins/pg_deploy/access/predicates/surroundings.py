"""What an answer rests on besides rows, claims and settings: who runs it, where names are looked up, the clock, chance, the connection.

Found by the words of texts, also of the functions and views that they name. It errs on the side of one too many.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r"'(?:[^']|'')*'")
_OWN_SETTING = re.compile(r"current_setting\s*\(\s*'[\w]+\.[\w.]+'", re.IGNORECASE)
"""A setting whose name has a dot belongs to the application: no role and no body changes it."""
_NAME = re.compile(r'"[^"]+"|[^\W\d][\w$]*')
_RUNNER = re.compile(
    r"""(?<![\w."])(?:current_user|session_user|system_user|current_role|user)(?![\w."])"""
    r"|\b(?:getpgusername|pg_has_role|has_\w+_privilege|row_security_active)\b|\binformation_schema\b",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"\bcurrent_setting\b|\bpg_settings\b|\bcurrent_schemas?\b|\bto_reg\w+|\bpg_\w+_is_visible\b", re.IGNORECASE
)
_UNSTEADY = re.compile(
    r"\b(now|transaction_timestamp|statement_timestamp|clock_timestamp|timeofday|age|random\w*|setseed|nextval|currval|lastval|setval"
    r"|gen_random_\w+|uuid_generate_v\w+|uuidv[47]|txid_\w+|pg_current_\w+|pg_snapshot_\w+|pg_last_\w+|inet_(?:client|server)_\w+"
    r"|pg_backend_pid|pg_postmaster_start_time|pg_conf_load_time|pg_stat\w*|pg_\w+_size|pg_sleep\w*|pg_is_in_recovery"
    r"|pg_my_temp_schema|pg_trigger_depth|version|dblink\w*)\"?\s*\("
    r"|\b(current_(?:date|time|timestamp)|localtime(?:stamp)?|session_user|system_user)\b"
    r"|\b(pg_stat_\w+|pg_locks|pg_settings)\b",
    re.IGNORECASE,
)
_NEAR_NOW = re.compile(r"'\s*(now|today|tomorrow|yesterday)(?=[\s'])", re.IGNORECASE)
_SERVER_SETTING = re.compile(r"current_setting\s*\(\s*'(?!role'|search_path')(\w+)'", re.IGNORECASE)


@dataclass(frozen=True)
class Definitions:
    """The views and functions of one side, for what a text rests on through any depth."""

    connection: Connection

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for name, text in self.connection.execute(engine_sql("access/definitions")).fetchall():
            found.setdefault(str(name).lower(), []).append(_COMMENT.sub(" ", str(text)))
        return found

    def below(self, text: str) -> tuple[str, ...]:
        """The text, and all texts of views and functions that it names; a name counts for each that is called so."""
        found = {_COMMENT.sub(" ", text): None}
        waiting = list(found)
        while waiting:
            for name in _NAME.findall(_STRING.sub("''", waiting.pop())):
                for inner in self._by_name.get(name.strip('"').lower(), ()):
                    if inner not in found:
                        found[inner] = None
                        waiting.append(inner)
        return tuple(found)

    def asks_runner(self, text: str) -> bool:
        """Whether it asks as whom it runs, as a body with its owner's rights would be answered otherwise."""
        return any(_RUNNER.search(_STRING.sub("''", each)) for each in self.below(text))

    def asks_session(self, text: str) -> bool:
        """Whether it asks for the session's role, its search_path or another setting of the server."""
        return any(_SESSION.search(_STRING.sub("''", _OWN_SETTING.sub("", each))) for each in self.below(text))

    def unsteady(self, text: str) -> frozenset[str]:
        """The texts that answer otherwise at another time, by chance or on another connection: this one and those that it names."""
        own, *inner = self.below(text)
        found = {each for each in inner if _names_of(each)}
        return frozenset({own, *found} if found or _names_of(own) else ())


def unsteady_reason(texts: Collection[str]) -> str:
    """Why texts that are unsteady and differ are not proved."""
    names = sorted({name for text in texts for name in _names_of(text)})
    return f"it was asked once, and {', '.join(names)} may answer otherwise at another time, by chance or on another connection"


def _names_of(text: str) -> frozenset[str]:
    found = {word for match in _UNSTEADY.findall(_STRING.sub("''", text)) for word in match if word}
    found.update(f"'{word}'" for word in _NEAR_NOW.findall(text))
    found.update(_SERVER_SETTING.findall(text))
    return frozenset(word.lower() for word in found)
