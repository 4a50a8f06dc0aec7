"""A case in other names: every word that no server knows is replaced, in identifiers, constants, roles and function bodies.

What the proof says may rest on what is there, never on what it is called. The words are turned by thirteen letters: as
long as before, in another order, and the same on every run.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pg_deploy.grammar.parser import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS, UNRESERVED_KEYWORDS

KEYWORDS = frozenset({*COL_NAME_KEYWORDS, *RESERVED_KEYWORDS, *TYPE_FUNC_NAME_KEYWORDS, *UNRESERVED_KEYWORDS})
_MEANT = """
aal aal1 aal2 amr app_metadata aud authenticated email exp is_anonymous iss jwt phone sub user_metadata claims request role
pgrst db_anon_role db_schemas app_hooks custom_access_token_hook perform elsif return returns raise exception notice
loop foreach found open record rowtype strict using errcode sqlerrm sqlstate tg_op tg_table_name tg_table_schema
old new setof void int integer bigint text boolean uuid numeric json jsonb float varchar timestamptz plpgsql sql
second seconds minute minutes hour hours day days week weeks month months year years utc now today infinity epoch
safe restricted unsafe
true false null yes no on off public default none low medium high unchanged changed undeclared object command why direction
opened unproven gained lost both risk access forward backward schema wal2json xpath
login nologin usage superuser nosuperuser bypassrls nobypassrls createrole createdb noinherit inherit replication noreplication
leftarg rightarg sfunc stype initcond commutator negator hashes merges finalfunc internallength like_regex
security_invoker security_barrier check_option cascaded local fillfactor publish restrictive permissive strict leakproof
duplicate_object insufficient_privilege unique_violation undefined_table undefined_object others no_data_found division_by_zero
"""
KNOWN = frozenset(_MEANT.split())
"""Words that mean something without being in a catalog: of claims, of PL/pgSQL, of dates, of our own files."""
_WORD = re.compile(r"(?<![\\%\w$])[A-Za-z_]\w*")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{0,12})+")
_TEXT = re.compile(r"'(?:[^']|'')*'")
_LIMIT = re.compile(r"((?:<=|>=|<|>|=)\s*)(\d{4,})\b")
_HEX = str.maketrans("abcdef", "bcdefa")

_CATALOG: LiteralString = """
    select w from (
        select relname::text from pg_catalog.pg_class union select attname from pg_catalog.pg_attribute
        union select proname from pg_catalog.pg_proc union select typname from pg_catalog.pg_type
        union select nspname from pg_catalog.pg_namespace union select rolname from pg_catalog.pg_roles
        union select name from pg_catalog.pg_available_extensions union select amname from pg_catalog.pg_am
        union select lanname from pg_catalog.pg_language union select collname from pg_catalog.pg_collation
        union select opcname from pg_catalog.pg_opclass union select cfgname from pg_catalog.pg_ts_config
        union select name from pg_catalog.pg_settings union select polname from pg_catalog.pg_policy
        union select conname from pg_catalog.pg_constraint union select tgname from pg_catalog.pg_trigger
        union select pubname from pg_catalog.pg_publication union select enumlabel from pg_catalog.pg_enum
        union select unnest(proargnames) from pg_catalog.pg_proc
        union select word[1] from pg_catalog.pg_proc, regexp_matches(prosrc, '[A-Za-z_]\\w+', 'g') word
        where prolang not in (select oid from pg_catalog.pg_language where lanname in ('c', 'internal'))
    ) s (w) where w is not null"""


def words_known(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """Every word that this database's catalog holds, in lower case, and those that mean something anywhere."""
    rows = connection.execute(_CATALOG).fetchall()
    return frozenset(word.lower() for (name,) in rows for word in _WORD.findall(name)) | KEYWORDS | KNOWN


class Renaming:
    """Replaces words; `known` stay. With `only`, none but those: for a database whose rows hold words of their own."""

    def __init__(self, known: Iterable[str], only: Iterable[str] | None = None) -> None:
        self._known = frozenset(known)
        self._only = None if only is None else frozenset(only)

    def text(self, text: str) -> str:
        """A statement, or a file that names what statements name."""
        if self._only is None:
            text = _outside_texts(text)
        parts, at = [], 0
        for found in _UUID.finditer(text):
            parts += [self._words(text[at : found.start()]), found[0].translate(_HEX)]
            at = found.end()
        return "".join([*parts, self._words(text[at:])])

    def _words(self, text: str) -> str:
        return _WORD.sub(lambda found: self.word(found[0]), text)

    def word(self, word: str) -> str:
        """One word's other name, or itself."""
        if len(word) <= 2 or word.lower() in self._known or (self._only is not None and word.lower() not in self._only):
            return word
        other = codecs.encode(word, "rot13")
        return other if other.lower() not in self._known else f"{other}_{other[0]}"


def words_outside_texts(texts: Iterable[str]) -> frozenset[str]:
    """Names that statements give and use, in lower case; what they compare with is not among them."""
    return frozenset(word.lower() for text in texts for word in _WORD.findall(_TEXT.sub("''", text)))


def _outside_texts(text: str) -> str:
    """With every limit of four digits or more a little higher; what a quoted text holds is no limit."""
    parts, at = [], 0
    for found in _TEXT.finditer(text):
        parts += [_LIMIT.sub(_higher, text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, _LIMIT.sub(_higher, text[at:])])


def _higher(found: re.Match[str]) -> str:
    return f"{found[1]}{int(found[2]) + 3}"


_OBJECTS: Mapping[str, LiteralString] = {
    "alter table public.{0} rename column {1} to {2}": """
        select c.relname::text, a.attname::text from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped""",
    "alter policy {1} on public.{0} rename to {2}": """
        select c.relname::text, p.polname::text from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
        where c.relnamespace = 'public'::regnamespace""",
    "alter trigger {1} on public.{0} rename to {2}": """
        select c.relname::text, t.tgname::text from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'public'::regnamespace and not t.tgisinternal""",
    "alter table public.{1} rename to {2}": """
        select '', relname::text from pg_catalog.pg_class where relnamespace = 'public'::regnamespace
        and relkind in ('r', 'v', 'm')""",
}


def names_of(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """The words of all names of tables, columns, policies and triggers in schema public, in lower case."""
    names = [name for query in _OBJECTS.values() for _, name in connection.execute(query).fetchall()]
    return frozenset(word.lower() for name in names for word in _WORD.findall(name))


def rename_all(connection: psycopg.Connection[Any], renaming: Renaming) -> None:
    """Give all that names_of() names its other name, in the texts of functions too."""
    for statement, query in _OBJECTS.items():
        for table, name in connection.execute(query).fetchall():
            other = renaming.text(name)
            if other != name:
                named = sql.SQL(statement).format(*map(sql.Identifier, (table, name, other)))
                connection.execute(named)
    bodies = connection.execute(
        "select pg_get_functiondef(p.oid) from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
        " join pg_catalog.pg_language l on l.oid = p.prolang where l.lanname in ('sql', 'plpgsql') and p.prokind in ('f', 'p')"
        " and n.nspname !~ '^(pg_|information_schema)' and p.prosqlbody is null"
    ).fetchall()
    for (body,) in bodies:
        if renaming.text(body) != body:
            connection.execute(renaming.text(body).encode())
