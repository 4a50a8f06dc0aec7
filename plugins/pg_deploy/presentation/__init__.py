"""How a text is shown: without secrets, as Markdown that is only text, with the mark of its verdict."""
