"""The one place that takes secrets out of what is shown or kept: logs, the ledger's notices and evidence, pages, downloads."""

from __future__ import annotations

import logging
import re

_HIDDEN = "***"
_WORD = (
    r"(?:[a-z0-9_.\-]*(?:passwo?rd|passwd|passphrase|passcode|pwd|secret|token|credentials?|authorization"
    r"|(?:api|private|access|client|server)[_\- ]?key)[a-z0-9_]*)"
)
_VALUE = r"""(?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s,;)}\]'"]+)"""
_NOT_AFTER_KIND = "".join(
    rf"(?<!\b{kind} )"
    for kind in ("column", "table", "view", "function", "index", "policy", "trigger", "sequence", "type")
)
# The word begins here, and the one before it names no kind of object; or its quoted last part does. A qualified name is one of an object
# where a sentence follows it: a value is no lower-case word before another.
_NO_OBJECT = rf"""(?!"?[a-z_]\w*\.\w+"?:[ ][a-z]+[ ,])(?:(?<![\w.\-"']){_NOT_AFTER_KIND}|(?<=\.)(?=["']))"""
_CERTAIN = (
    # postgresql://user:password@host
    (re.compile(r"(://[^:/@\s]*:)\S+@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=\-]{6,}"), rf"\1 {_HIDDEN}"),
    # create role x password 'y'
    (re.compile(r"(?i)\b(password\s+)(?:E)?'(?:[^']|'')*'"), rf"\1'{_HIDDEN}'"),
    # host=x password=y1234, as libpq reads it
    (re.compile(r"""(?i)\b((?:pg)?passw(?:or)?d=)(?=[^\s'",;()$]*\d)[^\s'",;()$]{6,}"""), rf"\1{_HIDDEN}"),
    # What looks like nothing else: JSON web tokens, and the keys of some who mark theirs.
    (re.compile(r"\beyJ[\w\-]{8,}\.[\w\-]{4,}(?:\.[\w\-]*)?"), _HIDDEN),
    (
        re.compile(
            r"\b(?:sk-|sk_live_|sk_test_|sb_secret_|sbp_|ghp_|gho_|github_pat_|glpat-|xox[abp]-|AKIA)[\w\-]{8,}"
        ),
        _HIDDEN,
    ),
    (re.compile(r"SCRAM-SHA-256\$\S+"), _HIDDEN),
    # password = 'x1234567': a literal that looks like nothing that people read
    (
        re.compile(
            rf"""(?i)(["']?\b{_WORD}["']?\s*(?:=>|:=|=|:)\s*)'(?!\*\*\*)(?=[^']*\d)(?=[^']*[a-z])[^'\s]{{8,}}'"""
        ),
        rf"\1'{_HIDDEN}'",
    ),
)
_LIKELY = (
    # password=x, "api_key": "x", token => 'x'
    (re.compile(rf"""(?i)(["']?\b{_WORD}["']?\s*(?:=>|:=|=)\s*)(?!\*\*\*|'\*\*\*'){_VALUE}"""), rf"\1{_HIDDEN}"),
    # token: x, but not what is said of an object of that name: "column public.users.token: 3 values", or of a migration
    (
        re.compile(rf"""(?i)({_NO_OBJECT}["']?(?!\d+_){_WORD}["']?\s*:(?!:)\s*)(?!\*\*\*|'\*\*\*'){_VALUE}"""),
        rf"\1{_HIDDEN}",
    ),
    # the api key is x
    (
        re.compile(
            rf"(?i)\b((?:the|this|its|my|our|your|new|a)\s+{_WORD}\s+(?:is|was)\s+)(?!not\b|null\b|distinct\b|missing\b|\*\*\*){_VALUE}"
        ),
        rf"\1{_HIDDEN}",
    ),
)
_HINTS = (
    "passw", "passphrase", "passcode", "pwd", "secret", "token", "credential", "authorization", "bearer", "basic", "eyj", "://",
    "sk-", "sk_", "sb_", "sbp_", "ghp_", "gho_", "github_pat", "glpat", "xox", "akia", "scram",
    *(f"{whose}{between}key" for whose in ("api", "private", "access", "client", "server") for between in ("", "_", "-", " ")),
)  # fmt: skip
"""Of these each pattern holds one, in small letters: most texts have none, and are looked through by no pattern."""
_SECRET_NAME = re.compile(rf"(?i)^{_WORD}$")


def without_secrets(text: str) -> str:
    """`text` with what follows a word for a secret, and what looks like one, masked."""
    if not may_hold_secrets(text):
        return text
    for pattern, instead in (*_CERTAIN, *_LIKELY):
        text = pattern.sub(instead, text)
    return text


def without_certain_secrets(text: str) -> str:
    """`text`, which others will run, without what can be nothing but a secret: names and comparisons are left."""
    if not may_hold_secrets(text):
        return text
    for pattern, instead in _CERTAIN:
        text = pattern.sub(instead, text)
    return text


def may_hold_secrets(text: str) -> bool:
    """False where none of the patterns can find anything; quick also for megabytes."""
    small = text.lower()
    return any(hint in small for hint in _HINTS)


def is_secret_name(name: str) -> bool:
    """Whether a column or key of that name holds what nobody should read."""
    return bool(_SECRET_NAME.match(name))


def masked(value: object) -> object:
    """A value for the ledger, as JSON has them: each text without secrets, and nothing under a secret's name."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {
            key: _HIDDEN if isinstance(each, str) and is_secret_name(str(key)) else masked(each)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [masked(each) for each in value]
    return value


class WithoutSecrets(logging.Filter):
    """Every line of a logger that it is put on, masked."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a line."""
        said = record.getMessage()
        shown = without_secrets(said)
        if shown != said:
            record.msg, record.args = shown, None
        return True
