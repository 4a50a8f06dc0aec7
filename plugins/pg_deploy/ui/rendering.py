"""The environments of the templates. They escape everything that comes from a database, in HTML and in Markdown."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.verdict_tones import tone_of_criterion, tone_of_rehearsal
from pg_deploy.presentation.lines import sign
from pg_deploy.presentation.markdown import as_code_block
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.presentation.sizes import format_size

_FOLDER = Path(__file__).resolve().parent
STATIC = _FOLDER / "static"
_MARKDOWN = re.compile(r"([\\`*\[\]|~#!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


class RawMarkdown(str):
    """Text that is Markdown on purpose: the environment leaves it as it is."""

    __slots__ = ()


@cache
def html_environment() -> Environment:
    """The environment of the HTML templates. It escapes each value, and masks secrets in it."""
    made = _environment()
    made.autoescape = True
    made.finalize = _without_secrets
    made.filters["breakable"] = _breakable
    made.filters["rehearsal_tone"] = tone_of_rehearsal
    return made


@cache
def markdown_environment() -> Environment:
    """The environment of the Markdown templates. It escapes each value, and masks secrets in it."""
    made = _environment()
    made.finalize = _escaped
    made.filters.update(
        code=_code,
        link=_link,
        cells=lambda values: RawMarkdown(" | ".join(map(_code, values))),
        block=lambda sql: RawMarkdown(as_code_block(without_secrets(sql))),
        raw=RawMarkdown,
        sign=sign,
    )
    return made


def static_text(name: str) -> Markup:
    """One of our static files, unescaped, for a page that is one file."""
    return Markup((STATIC / name).read_text(encoding="utf-8"))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(duration=_duration, when=_when, ms=_ms, bytes=format_size, criterion_tone=tone_of_criterion)
    return made


def _without_secrets(value: object) -> object:
    return without_secrets(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(value: object) -> object:
    if isinstance(value, RawMarkdown) or not isinstance(value, str):
        return value
    line = " ".join(without_secrets(value).split())
    safe = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", safe)


def _code(value: object) -> RawMarkdown:
    """A code span, also within a table, that back-ticks in its text cannot end."""
    text = " ".join(without_secrets(str(value)).split()).replace("|", "\\|")
    if not text:
        return RawMarkdown("")
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest else ""
    return RawMarkdown(f"{fence}{gap}{text}{gap}{fence}")


def _breakable(name: str) -> Markup:
    """A long name in which a line may break after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _link(url: str) -> RawMarkdown:
    return RawMarkdown(f"<{url.replace('<', '%3C').replace('>', '%3E')}>")


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else format_duration(max(0.0, seconds))


def _when(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.3f} ms"
