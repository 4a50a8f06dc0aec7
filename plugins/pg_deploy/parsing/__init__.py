"""Reading SQL with PostgreSQL's own parser: statements, their kinds, their locks, what they create and drop. Opens no connection."""
