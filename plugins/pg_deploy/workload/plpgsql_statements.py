"""Statements of PL/pgSQL that have no other statements in them: what the server is to be asked about each."""

from __future__ import annotations

from pg_deploy.workload.plpgsql_program import Check, Program
from pg_deploy.workload.plpgsql_sql import (
    CHANGES,
    QUERIES,
    into_of,
    names_any,
    relations_of,
    rows_of,
    targets_of,
    temporary_names,
)
from pg_deploy.workload.plpgsql_text import UnreadableBodyError, Words

_VALUE, STATEMENT = "explain select ", "explain "


class Statements:
    """Writes down the questions. `records` are the variables without a type, `cursors` the arguments and the query of each cursor."""

    def __init__(self, source: str, *, returns_rows: bool) -> None:
        self.program = Program()
        self.records: set[str] = set()
        self.cursors: dict[str, tuple[list[Words], str]] = {}
        self._returns_rows = returns_rows
        self._temporary = temporary_names(source)

    def simple(self, word: str, following: str, words: Words) -> None:
        """A statement that begins with these two words."""
        if following in (":=", "=", "[", "."):
            self._assignment(words)
            return
        known = {
            "return": self._return, "raise": self._raise, "assert": self._expression, "perform": self._expression,
            "execute": self.execute, "open": self._open, "fetch": self._fetch, "exit": self._when,
            "continue": self._when, "call": self._call,
        }  # fmt: skip
        known.get(word, self._sql)(words)

    def put(self, text: str) -> None:
        """Write down a part that is no question."""
        self.program.parts.append(text)

    def ask(self, lead: str, text: str, tail: str = "", only: str = "") -> None:
        """Write down a question about a part of the body, unless it names a table that the body makes."""
        if text and not names_any(text, self._temporary):
            self.program.parts.append(Check(lead, text, tail, only))

    def value(self, words: Words) -> None:
        """Ask about an expression, or several with commas between."""
        self.ask(_VALUE, words.sql)

    def shape(self, target: Words, query: str, what: str = "*") -> None:
        """Give a record the columns of a query, without a row of it; where that fails, or there is no query, nobody knows them."""
        name = target.sql
        if name.lower() in self.records:
            rows = "deploy_rows" if what == "*" else "deploy_rows(deploy_row)"
            chosen = f"select {what} into {name} from ({query}\n) as {rows} limit 0;"  # noqa: S608 - the body's own text
            self.put(f"begin {name} := null; {chosen if query else ''} exception when others then null; end;")

    def cursor_query(self, name: str, target: Words | None = None) -> None:
        """Ask about the query of a cursor, or give a record its columns."""
        arguments, query = self.cursors[name]
        self.put("declare" + "".join(f" {each[: each.place_of([':=', '=', 'default'])].sql};" for each in arguments))
        self.put("begin")
        if target:
            self.shape(target, query)
        else:
            self.ask(STATEMENT, query)
        self.put("end;")

    def arguments(self, words: Words) -> None:
        """Ask about the arguments that a cursor is given."""
        for each in words.split():
            named = each.place_of([":=", "=>"])
            self.value(each if named is None else each[named + 1 :])

    def _assignment(self, words: Words) -> None:
        place = words.place_of([":=", "="])
        if place is None:
            raise UnreadableBodyError("nothing is assigned")
        target, value = words[:place], words[place + 1 :]
        if "." in target.lower:
            self.value(target)
        self.value(value)
        self.shape(target, f"select {value.sql}", "(deploy_row).*")

    def _return(self, words: Words) -> None:
        kind, query = words[1:2].lower, words[2:]
        if kind == ("query",) and query.lower[:1] == ("execute",):
            self.execute(query)
        elif kind == ("query",):
            self.ask(STATEMENT, query.sql)
            if self._returns_rows and query.lower[0] in QUERIES:
                # The server compares the columns when it begins to run the query; there is no row.
                self.ask("return query select * from (", query.sql, "\n) as deploy_rows limit 0", only="42804")
        else:
            self.value(query if kind == ("next",) else words[1:])

    def _raise(self, words: Words) -> None:
        using = words.place_of(["using"])
        for part in words[1:using].split()[1:]:
            self.value(part)
        for part in words[using + 1 :].split() if using else ():
            self.value(part[2:])

    def _expression(self, words: Words) -> None:
        self.value(words[1:])

    def execute(self, words: Words) -> None:
        """Ask about EXECUTE: the text itself is not known, only the expressions around it."""
        into, using = words.place_of(["into"]), words.place_of(["using"])
        ends = [place for place in (into, using) if place is not None]
        self.value(words[1 : min(ends, default=len(words))])
        if using is not None:
            self.value(words[using + 1 : into if into is not None and into > using else len(words)])
        if into is not None:
            self.shape(targets_of(words[into + 1 : using if using is not None and using > into else len(words)]), "")

    def _open(self, words: Words) -> None:
        query = words.place_of(["for"])
        if query is None:
            self.arguments(words[3:-1])
        elif words.lower[query + 1 : query + 2] == ("execute",):
            self.execute(words[query + 1 :])
        else:
            self.cursors[words.lower[1]] = ([], words[query + 1 :].sql)
            self.ask(STATEMENT, words[query + 1 :].sql)

    def _fetch(self, words: Words) -> None:
        into = words.place_of(["into"])
        if into is None:
            return
        target, cursor = words[into + 1 :], words.lower[into - 1]
        if cursor in self.cursors and target.sql.lower() in self.records:
            self.cursor_query(cursor, target)
        else:
            self.shape(target, "")

    def _when(self, words: Words) -> None:
        place = words.place_of(["when"])
        if place is not None:
            self.value(words[place + 1 :])

    def _call(self, words: Words) -> None:
        self.ask("", words.sql)

    def _sql(self, words: Words) -> None:
        first = words.lower[0] if len(words) else ""
        if first in (*QUERIES, *CHANGES):
            self._query(words)
        elif (
            first == "create"
            and (place := words.place_of(["as"]))
            and words.lower[place + 1 : place + 2] in [(each,) for each in QUERIES]
        ):
            self.ask(STATEMENT, words[place + 1 :].sql)
        elif first in ("truncate", "refresh", "lock"):
            for name in relations_of(words.sql):
                self.ask("explain select from ", name)

    def _query(self, words: Words) -> None:
        start, end = into_of(words)
        if start == end:
            self.ask(STATEMENT, words.sql)
            return
        asked = words.without(start, end)
        self.ask(STATEMENT, asked)
        self.shape(targets_of(words[start + 1 : end]), rows_of(asked))
