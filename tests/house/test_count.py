"""A change that says that it made the repository smaller is believed by these figures."""

from tests.house.count import sql_lines, statements


def test_neither_docstrings_nor_line_breaks_count_as_statements() -> None:
    """Otherwise a comment that became a docstring, or a call on one line, would look like less code."""
    assert statements('"""Why."""\n\n\ndef f():\n    """What."""\n    return g(\n        1,\n        2,\n    )\n') == 2


def test_comments_and_empty_lines_of_sql_do_not_count() -> None:
    """Otherwise an explained query would look larger than an unexplained one."""
    assert sql_lines("-- why\n\nselect 1  -- one\n/* of\nmore */\nfrom t;\n") == 2
