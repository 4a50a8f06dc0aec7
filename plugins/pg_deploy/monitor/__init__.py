"""The monitor measures a database, judges what it measured, and tells each trouble once."""
