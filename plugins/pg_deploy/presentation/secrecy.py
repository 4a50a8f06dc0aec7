"""The one place that masks secrets in what is shown or kept: logs, the ledger's notices and evidence, pages, downloads."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

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
# The word begins here and no kind of object stands before it; or it is the quoted last part of a name. If a sentence follows
# a qualified name, that name is an object's: a value is no lower-case word with another word behind it.
_NO_OBJECT = rf"""(?!"?[a-z_]\w*\.\w+"?:[ ][a-z]+[ ,])(?:(?<![\w.\-"']){_NOT_AFTER_KIND}|(?<=\.)(?=["']))"""
_CERTAIN = (
    # postgresql://user:password@host
    (re.compile(r"(://[^:/@\s]*:)\S+@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=\-]{6,}"), rf"\1 {_HIDDEN}"),
    # create role x password 'y'
    (re.compile(r"(?i)\b(password\s+)(?:E)?'(?:[^']|'')*'"), rf"\1'{_HIDDEN}'"),
    # host=x password=y1234, as libpq reads it
    (re.compile(r"""(?i)\b((?:pg)?passw(?:or)?d=)(?=[^\s'",;()$]*\d)[^\s'",;()$]{6,}"""), rf"\1{_HIDDEN}"),
    # These look like nothing else: JSON web tokens, and keys that their issuers mark.
    (re.compile(r"\beyJ[\w\-]{8,}\.[\w\-]{4,}(?:\.[\w\-]*)?"), _HIDDEN),
    (
        re.compile(
            r"\b(?:sk-|sk_live_|sk_test_|sb_secret_|sbp_|ghp_|gho_|github_pat_|glpat-|xox[abp]-|AKIA)[\w\-]{8,}"
        ),
        _HIDDEN,
    ),
    (re.compile(r"SCRAM-SHA-256\$\S+"), _HIDDEN),
    # password = 'x1234567': letters and digits without a space are no text for people
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
    # token: x, but not a sentence about an object of that name ("column public.users.token: 3 values") or about a migration
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
"""Every match of a pattern holds one of these, in lower case. Most texts hold none, so no pattern has to search them."""
_SECRET_NAME = re.compile(rf"(?i)^{_WORD}$")


def without_secrets(text: str) -> str:
    """`text` with two things masked: what looks like a secret, and what follows a word for one."""
    return _masked_by((*_CERTAIN, *_LIKELY), text)


def without_certain_secrets(text: str) -> str:
    """`text`, which others will run, with only that masked which can be nothing but a secret. Names and comparisons stay."""
    return _masked_by(_CERTAIN, text)


def _masked_by(patterns: Sequence[tuple[re.Pattern[str], str]], text: str) -> str:
    if may_hold_secrets(text):
        for pattern, replacement in patterns:
            text = pattern.sub(replacement, text)
    return text


def may_hold_secrets(text: str) -> bool:
    """False if no pattern can find anything. Quick, even for megabytes."""
    lowered = text.lower()
    return any(hint in lowered for hint in _HINTS)


def is_secret_name(name: str) -> bool:
    """Whether a column or key of that name holds what nobody should read."""
    return bool(_SECRET_NAME.match(name))


def masked(value: object) -> object:
    """A JSON value for the ledger: every text in it without secrets, and every text under a secret's name hidden."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {
            key: _HIDDEN if isinstance(item, str) and is_secret_name(str(key)) else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return value


class WithoutSecrets(logging.Filter):
    """A filter that masks the secrets in every line of its logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: no line is dropped."""
        message = record.getMessage()
        shown = without_secrets(message)
        if shown != message:
            record.msg, record.args = shown, None
        return True
