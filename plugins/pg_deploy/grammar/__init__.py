"""PostgreSQL's own grammar: libpg_query, as the wheel of postgast carries it, and its syntax trees as Python objects."""
