"""Templates: everything that comes from a database is escaped, in HTML and in Markdown, by the environment itself."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.marks import tone_of_criterion, tone_of_rehearsal
from pg_deploy.monitor.page import size
from pg_deploy.presentation.lines import sign
from pg_deploy.presentation.markdown import as_code_block
from pg_deploy.presentation.secrecy import without_secrets

_FOLDER = Path(__file__).resolve().parent
STATIC = _FOLDER / "static"
_MARKDOWN = re.compile(r"([\\`*\[\]|~#!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


class Raw(str):
    """Markdown that is meant: the environment leaves it as it is."""

    __slots__ = ()


@cache
def pages() -> Environment:
    """The environment of HTML."""
    made = _environment()
    made.autoescape = True
    made.finalize = _without_secrets
    made.filters["breakable"] = _breakable
    made.filters["rehearsal_tone"] = tone_of_rehearsal
    return made


@cache
def markdown() -> Environment:
    """The environment of Markdown."""
    made = _environment()
    made.finalize = _escaped
    made.filters.update(
        code=_code,
        link=_link,
        cells=lambda values: Raw(" | ".join(map(_code, values))),
        block=lambda sql: Raw(as_code_block(without_secrets(sql))),
        raw=Raw,
        sign=sign,
    )
    return made


def static_text(name: str) -> Markup:
    """A file of ours as it is, for a page that stands alone."""
    return Markup((STATIC / name).read_text(encoding="utf-8"))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(duration=_duration, when=_when, ms=_ms, bytes=size, criterion_tone=tone_of_criterion)
    return made


def _without_secrets(value: object) -> object:
    return without_secrets(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(value: object) -> object:
    if isinstance(value, Raw) or not isinstance(value, str):
        return value
    line = " ".join(without_secrets(value).split())
    safe = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", safe)


def _code(value: object) -> Raw:
    """A code span that its own back-ticks cannot end, also within a table."""
    text = " ".join(without_secrets(str(value)).split()).replace("|", "\\|")
    if not text:
        return Raw("")
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest else ""
    return Raw(f"{fence}{gap}{text}{gap}{fence}")


def _breakable(name: str) -> Markup:
    """A long name that may be broken after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _link(url: str) -> Raw:
    return Raw(f"<{url.replace('<', '%3C').replace('>', '%3E')}>")


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else format_duration(max(0.0, seconds))


def _when(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.3f} ms"
