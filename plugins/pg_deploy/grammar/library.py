"""The functions of libpg_query, and a stack that is large enough for them.

The library never looks at its stack, since PostgreSQL's check is taken out: where the stack ends, so does the process. So a text whose
tree could be deep is read by a thread whose stack is sized for it. What is not touched of it takes no memory.
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.schema import folder

_T = TypeVar("_T")
_NAMES = {"Darwin": "libpg_query.dylib", "Windows": "pg_query.dll"}
_starting = threading.Lock()


class _Error(ctypes.Structure):
    _fields_ = [
        ("message", ctypes.c_char_p), ("funcname", ctypes.c_char_p), ("filename", ctypes.c_char_p),
        ("lineno", ctypes.c_int), ("cursorpos", ctypes.c_int), ("context", ctypes.c_char_p),
    ]  # fmt: skip


class Bytes(ctypes.Structure):
    """Bytes that the library takes or gives."""

    _fields_ = [("len", ctypes.c_size_t), ("data", ctypes.c_void_p)]


class _Piece(ctypes.Structure):
    _fields_ = [("location", ctypes.c_int), ("length", ctypes.c_int)]


class _Text(ctypes.Structure):
    _fields_ = [("value", ctypes.c_char_p), ("stderr", ctypes.c_char_p), ("error", ctypes.POINTER(_Error))]


class _Plain(ctypes.Structure):
    _fields_ = [("value", ctypes.c_char_p), ("error", ctypes.POINTER(_Error))]


class _Scanned(ctypes.Structure):
    _fields_ = [("value", Bytes), ("stderr", ctypes.c_char_p), ("error", ctypes.POINTER(_Error))]


class _Fingerprint(ctypes.Structure):
    _fields_ = [
        ("number", ctypes.c_uint64), ("value", ctypes.c_char_p), ("stderr", ctypes.c_char_p), ("error", ctypes.POINTER(_Error)),
    ]  # fmt: skip


class _Pieces(ctypes.Structure):
    _fields_ = [
        ("pieces", ctypes.POINTER(ctypes.POINTER(_Piece))), ("count", ctypes.c_int),
        ("stderr", ctypes.c_char_p), ("error", ctypes.POINTER(_Error)),
    ]  # fmt: skip


_library = ctypes.CDLL(str(folder() / _NAMES.get(platform.system(), "libpg_query.so")))


def _function(
    name: str, freed: str, result: type[Any], read: Callable[[Any], _T], takes: Any = ctypes.c_char_p
) -> Callable[[Any], _T]:
    call, free = getattr(_library, name), getattr(_library, freed)
    call.argtypes, call.restype = [takes], result
    free.argtypes, free.restype = [result], None

    def called(argument: Any) -> _T:
        answer = call(argument)
        try:
            if answer.error:
                raise _parse_error(answer.error.contents)
            return read(answer)
        finally:
            free(answer)

    return called


def _parse_error(error: Any) -> ParseError:
    # It counts characters from 1, and says 0 where it knows no place.
    message = error.message.decode(errors="replace") if error.message else "unknown error"
    return ParseError(message, error.cursorpos - 1 if error.cursorpos > 0 else None)


def _text_of(answer: Any) -> str:
    return str(answer.value.decode())


def _bytes_of(answer: Any) -> bytes:
    return ctypes.string_at(answer.value.data, answer.value.len)


def _pieces_of(answer: Any) -> list[tuple[int, int]]:
    pieces = (answer.pieces[number].contents for number in range(answer.count))
    return [(piece.location, piece.location + piece.length) for piece in pieces]


parse = _function("pg_query_parse", "pg_query_free_parse_result", _Text, _text_of)
parse_plpgsql = _function("pg_query_parse_plpgsql", "pg_query_free_plpgsql_parse_result", _Plain, _text_of)
scan = _function("pg_query_scan", "pg_query_free_scan_result", _Scanned, _bytes_of)
split = _function("pg_query_split_with_scanner", "pg_query_free_split_result", _Pieces, _pieces_of)
fingerprint = _function("pg_query_fingerprint", "pg_query_free_fingerprint_result", _Fingerprint, _text_of)
normalize = _function("pg_query_normalize", "pg_query_free_normalize_result", _Plain, _text_of)
deparse = _function("pg_query_deparse_protobuf", "pg_query_free_deparse_result", _Plain, _text_of, Bytes)


def with_stack(size: int, call: Callable[[], _T]) -> _T:
    """What the call gives, in a thread whose stack has that many bytes. Raises TooDeepError where there is no room for one."""
    answers: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # handed to the caller's thread
            errors.append(error)

    with _starting:
        before = threading.stack_size(size)
        try:
            thread = threading.Thread(target=run, name="libpg_query")
            thread.start()
        except RuntimeError:
            raise TooDeepError from None
        finally:
            threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]
