"""Reading a PL/pgSQL body: its blocks, loops and branches, and the statements in them."""

from __future__ import annotations

from pg_deploy.workload.plpgsql_program import Program
from pg_deploy.workload.plpgsql_sql import rows_of
from pg_deploy.workload.plpgsql_statements import STATEMENT, Statements
from pg_deploy.workload.plpgsql_text import Reader, UnreadableBodyError, Words

_END_OF_LIST = ("end", "exception", "elsif", "elseif", "else", "when", "")


def program_of(source: str, *, returns_rows: bool) -> Program:
    """The program of a body. With `returns_rows`, the shape of what RETURN QUERY gives is asked as well.

    Raises ParseError or UnreadableBodyError.
    """
    return _Reading(source, returns_rows).program


class _Reading:
    def __init__(self, source: str, returns_rows: bool) -> None:
        self._read = Reader(source)
        self._simple = Statements(source, returns_rows=returns_rows)
        while self._read.word() == "#":
            self._read.take()
            self._simple.program.options.append(f"#{self._read.take().sql} {self._read.take().sql}")
        self._block(self._label())
        self.program = self._simple.program

    def _label(self) -> str:
        if not self._read.take_if("<<"):
            return ""
        name = self._read.take().sql
        self._read.take(">>")
        return f"<<{name}>> "

    def _block(self, label: str) -> None:
        self._simple.put(f"{label}declare")
        defaults: list[Words] = []
        cursors: list[str] = []
        while self._read.take_if("declare"):
            while self._read.word() not in ("begin", "declare"):
                self._declaration(defaults, cursors)
        self._read.take("begin")
        self._simple.put("begin")
        for value in defaults:
            self._simple.value(value)
        for name in cursors:
            self._simple.cursor_query(name)
        self._list()
        if self._read.take_if("exception"):
            while self._read.take_if("when"):
                self._read.take_until("then")
                self._read.take("then")
                self._simple.put("declare sqlstate pg_catalog.text; sqlerrm pg_catalog.text; begin")
                self._list()
                self._simple.put("end;")
        self._read.take("end")
        while self._read.word() and not self._read.take_if(";"):
            self._read.take()  # its label
        self._simple.put("end;")

    def _declaration(self, defaults: list[Words], cursors: list[str]) -> None:
        words = self._read.take_statement()
        cursor = words.place_of(["cursor"])
        if cursor is not None and cursor in (1, 2, 3):
            query = words.place_of(["for", "is"], cursor)
            if query is None:
                raise UnreadableBodyError("a cursor has no query")
            arguments = words[cursor + 2 : query - 1].split() if words.lower[cursor + 1] == "(" else []
            self._simple.cursors[words.lower[0]] = (arguments, words[query + 1 :].sql)
            cursors.append(words.lower[0])
            self._simple.put(f"{words.sql};")
            return
        if words.lower[1:2] == ("alias",):
            self._simple.put(f"{words.sql};")
            return
        place = words.place_of([":=", "=", "default"])
        kind = words[1:place]
        if place is not None:
            defaults.append(words[place + 1 :])
        if kind.lower[:1] == ("constant",):
            kind = kind[1:]
        if kind.lower[-2:] == ("not", "null"):
            kind = kind[:-2]
        if kind.lower == ("record",):
            self._simple.records.add(words.lower[0])
        else:
            self._simple.records.discard(words.lower[0])
        self._simple.put(f"{words[:1].sql} {kind.sql};")

    def _list(self) -> None:
        while self._read.word() not in _END_OF_LIST:
            self._statement()

    def _statement(self) -> None:
        label, word = self._label(), self._read.word()
        compound = {
            "declare": self._block, "begin": self._block, "loop": self._loop, "while": self._while, "for": self._for,
            "foreach": self._foreach,
        }  # fmt: skip
        if word in compound:
            compound[word](label)
        elif word == "if":
            self._if()
        elif word == "case":
            self._case()
        else:
            self._simple.simple(word, self._read.word(1), self._read.take_statement())

    def _loop(self, label: str) -> None:
        self._read.take("loop")
        self._simple.put(f"{label}begin")
        self._end_of_loop()

    def _end_of_loop(self) -> None:
        self._list()
        self._read.take("end")
        self._read.take("loop")
        self._read.take_statement()
        self._simple.put("end;")

    def _while(self, label: str) -> None:
        self._read.take("while")
        self._simple.value(self._read.take_until("loop"))
        self._loop(label)

    def _for(self, label: str) -> None:
        self._read.take("for")
        targets = self._read.take_until("in")
        self._read.take("in")
        words = self._read.take_until("loop")
        self._read.take("loop")
        first = words.lower[0] if len(words) else ""
        if (dots := words.place_of([".."])) is not None:
            by = words.place_of(["by"], dots)
            for part in (words[first == "reverse" : dots], words[dots + 1 : by], words[by + 1 :] if by else words[:0]):
                self._simple.value(part)
            self._simple.put(f"{label}declare {targets.sql} pg_catalog.int4; begin")
        elif first == "execute":
            self._simple.execute(words)
            self._simple.shape(targets, "")
            self._simple.put(f"{label}begin")
        elif first in self._simple.cursors and (len(words) == 1 or words.lower[1] == "("):
            self._simple.arguments(words[2:-1])
            self._simple.put(f"{label}declare {targets.sql} record; begin")
            self._simple.records.add(targets.sql.lower())
            self._simple.cursor_query(first, targets)
        else:
            self._simple.ask(STATEMENT, words.sql)
            self._simple.shape(targets, rows_of(words.sql))
            self._simple.put(f"{label}begin")
        self._end_of_loop()

    def _foreach(self, label: str) -> None:
        self._read.take("foreach")
        self._read.take_until("array")
        self._read.take("array")
        self._simple.value(self._read.take_until("loop"))
        self._loop(label)

    def _if(self) -> None:
        self._branches("if", "elsif", "elseif", of="if")

    def _case(self) -> None:
        self._read.take("case")
        self._simple.value(self._read.take_until("when"))
        self._branches("when", of="case")

    def _branches(self, *words: str, of: str) -> None:
        """The branches that begin with one of these words, each with its condition, up to the end of the statement."""
        while self._read.take_if(*words):
            self._simple.value(self._read.take_until("then"))
            self._read.take("then")
            self._list()
        if self._read.take_if("else"):
            self._list()
        self._read.take("end")
        self._read.take(of)
        self._read.take_statement()
