"""Reading SQL with PostgreSQL's own parser: statements, what they are, what they lock, what they create and drop. Opens no connection."""
