"""Texts that hold a secret, sealed in the ledger: an undo reads them whole, and whoever may only read the table does not.

A text is sealed if masking would change it. Every other text stays as it is, and so does each of them if there is no key. The cipher
is AES-SIV under a key derived from Airflow's `[core] fernet_key`: the same text gives the same seal, so that texts are compared sealed.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pg_deploy.ledger.errors import SealedError
from pg_deploy.parsing.brief_text import brief
from pg_deploy.presentation.secrecy import without_secrets

_SEALED = re.compile(r"~sealed\.([\w\-]+=*)~")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_source: list[Callable[[], str]] = [lambda: os.environ.get("AIRFLOW__CORE__FERNET_KEY", "")]


def take_keys_from(source: Callable[[], str]) -> None:
    """Let `source` say the keys, as Airflow writes them: the newest first, then older ones, separated by commas."""
    _source[:] = [source]


def seal(text: str) -> str:
    """`text`, sealed whole if it holds a secret. Rows of constants in bulk are not searched: they are the table's contents."""
    return _sealed(text) if _holds_secret(brief(text).text) else text


def seal_identity(kind: str, identity: str) -> str:
    """What a fact is called: a job of pg_cron without a name by its command, which may hold a secret. All others are names."""
    return _sealed(identity) if kind == "cron job" and _holds_secret(identity) else identity


def seal_definition(definition: str) -> str:
    """A fact's definition, JSON as the server words it, with each text in it that holds a secret sealed; it stays JSON."""
    if not _holds_secret(definition):
        return definition
    return _STRING.sub(_sealed_string, definition)


def unseal(text: str) -> str:
    """`text`, with what was sealed in it. Raises SealedError if none of the keys opens it."""
    return _SEALED.sub(lambda found: _unsealed(found[1]), text) if "~sealed." in text else text


def how_kept(*texts: str) -> str | None:
    """How these texts are kept, as a sentence for the plan, if one of them holds a secret; else None."""
    if not any(_holds_secret(brief(text).text) for text in texts):
        return None
    kept = "sealed" if _ciphers(_source[0]()) else "READABLE, as this Airflow has no [core] fernet_key,"
    return f"it seems to hold a secret, and its text is kept {kept} in the ledger; in the history what is one for certain is masked"


def _sealed_string(found: re.Match[str]) -> str:
    content = found[1]
    return f'"{_sealed(content)}"' if _holds_secret(str(json.loads(found[0]))) else found[0]


@lru_cache(maxsize=64)
def _holds_secret(text: str) -> bool:
    return without_secrets(text) != text


def _sealed(text: str) -> str:
    ciphers = _ciphers(_source[0]())
    if not ciphers or _SEALED.fullmatch(text):
        return text
    return f"~sealed.{base64.urlsafe_b64encode(ciphers[0].encrypt(text.encode(), None)).decode()}~"


def _unsealed(token: str) -> str:
    sealed = base64.urlsafe_b64decode(token)
    for cipher in _ciphers(_source[0]()):
        try:
            return cipher.decrypt(sealed, None).decode()
        except InvalidTag:
            continue
    raise SealedError


@lru_cache(maxsize=4)
def _ciphers(keys: str) -> tuple[AESSIV, ...]:
    return tuple(
        AESSIV(HKDF(SHA256(), 64, None, b"pg_deploy ledger").derive(key.strip().encode()))
        for key in keys.split(",")
        if key.strip()
    )
