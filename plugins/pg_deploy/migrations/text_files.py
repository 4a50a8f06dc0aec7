"""Reading a file as text. If it is not UTF-8, the error says what it is instead and how it becomes UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

from pg_deploy.migrations.errors import NotUtf8Error, UnreadableFileError

_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
)
_UNKNOWN = "\ufffd"
_ARCHIVES = {"gzip": "gunzip < {0} > new.sql", "zip": "unzip {0}"}


def read_text(path: Path) -> str:
    """The file as text, byte for byte. Raises NotUtf8Error or UnreadableFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        why = (
            f"it is a link to {os.readlink(path)}, which is not there"
            if path.is_symlink()
            else (error.strerror or str(error))
        )
        raise UnreadableFileError(path.name, why) from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path.name, content, error.start) from error


def _not_utf8(name: str, content: bytes, at: int) -> NotUtf8Error:
    known = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "")
    if not known and b"\0" in content[:200]:
        known = "UTF-16"
    if known in _ARCHIVES:
        return NotUtf8Error(name, 1, f"it is a {known} archive", f"unpack it: `{_ARCHIVES[known].format(name)}`")
    if known:
        return NotUtf8Error(name, 1, f"it is {known}", _iconv(known, name))
    begin = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at)
    before, rest = content[begin:at].decode("utf-8", "replace"), content[at : end if end >= 0 else None]
    shown = rest.rstrip(b"\r").decode("cp1252", "replace")
    line = content[:begin].count(b"\n") + 1
    meant = f'in Windows-1252 it is "{shown[:1]}"' if shown[:1] != _UNKNOWN else "nor is it one in Windows-1252"
    what = f"byte 0x{content[at]:02X} is no character ({meant})"
    window = f"{before[-60:]}{shown[:60]}\n{' ' * len(before[-60:])}^"
    if any(ord(char) > 127 and char != _UNKNOWN for char in content.decode("utf-8", "replace")):
        todo = "other characters of the file are UTF-8: correct this one alone, a conversion of the whole file would spoil them"
    elif shown[:1] == _UNKNOWN:
        todo = f"{_iconv('<ITS ENCODING>', name)}; whoever wrote it knows which that is (CP850 on old Windows consoles)"
    else:
        todo = _iconv("WINDOWS-1252", name)
    return NotUtf8Error(name, line, what, todo, column=len(before) + 1, caret_text=window)


def _iconv(encoding: str, name: str) -> str:
    return f"save it as UTF-8, for example `iconv -f {encoding} -t UTF-8 {name} > new.sql && mv new.sql {name}`"
