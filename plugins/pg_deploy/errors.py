"""Every failure that the engine reports on purpose, one class each.

The message of each is one sentence: the object in quotes, what happened, what to do next. The fields hold the same facts
for callers that want to act on them.
"""

from __future__ import annotations


class PgDeployError(Exception):
    """Base of all failures with a message written for the engineer on call."""


class SqlError(PgDeployError):
    """The SQL of a file cannot be taken as it is."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        super().__init__(message)


class SqlSyntaxError(SqlError):
    """PostgreSQL's parser refuses the file.

    `caret_text` is the line with a caret under the place; columns count from 1.
    """

    def __init__(self, file: str, line: int, column: int, caret_text: str, reason: str) -> None:
        self.column = column
        self.caret_text = caret_text
        self.reason = reason
        super().__init__(file, line, f'"{file}" line {line}, column {column}: {reason}, correct it:\n{caret_text}')


class EmptyMigrationError(PgDeployError):
    """A file holds no statement."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(f'"{file}" holds no SQL statement, write one or remove the file')


class TransactionControlError(SqlError):
    """A file begins or ends transactions itself."""

    def __init__(self, file: str, line: int, statement: str, remedy: str) -> None:
        self.statement = statement
        self.remedy = remedy
        super().__init__(file, line, f'"{file}" line {line}: "{statement}" controls the transaction, {remedy}')


class PsqlCommandError(SqlError):
    """A file holds a command of psql, which no server understands."""

    def __init__(self, file: str, line: int, command: str) -> None:
        self.command = command
        super().__init__(
            file,
            line,
            f'"{file}" line {line}: "{command}" is a command of psql that no server understands, replace it by SQL',
        )


class CopyDataError(SqlError):
    """A file copies from the client, or to it."""

    def __init__(self, file: str, line: int, statement: str) -> None:
        self.statement = statement
        super().__init__(
            file,
            line,
            f'"{file}" line {line}: "{statement}" exchanges data with psql, write the rows as an insert instead',
        )
