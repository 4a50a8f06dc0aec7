"""Failures of reading SQL, one class each."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError


class SqlError(PgDeployError):
    """The SQL of a file cannot be used as it is."""

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
        super().__init__(file, line, f'"{file}" line {line}, column {column}: {reason}:\n{caret_text}')


class EmptyMigrationError(PgDeployError):
    """A file holds no statement."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(
            f'"{file}" holds no SQL statement, so nothing would show that it ran; write one (`select;` if the file is only to keep '
            "its place in the history), or remove the file"
        )


class TransactionControlError(SqlError):
    """A file begins or ends transactions by itself."""

    def __init__(self, file: str, line: int, statement: str, remedy: str) -> None:
        self.statement = statement
        super().__init__(file, line, f'"{file}" line {line}: "{statement}" controls the transaction, {remedy}')


class PsqlCommandError(SqlError):
    """A file holds a command of psql. No server understands it."""

    def __init__(self, file: str, line: int, command: str, instead: str) -> None:
        super().__init__(
            file,
            line,
            f'"{file}" line {line}: "{command}" is a command of psql that no server understands; {instead}',
        )


class CopyDataError(SqlError):
    """A file holds a COPY from the client, or to it."""

    def __init__(self, file: str, line: int, statement: str, also: str = "") -> None:
        super().__init__(
            file,
            line,
            f'"{file}" line {line}: "{statement}" exchanges data with psql, write the rows as an insert instead '
            f"(`pg_dump --inserts` writes them so){also}",
        )
