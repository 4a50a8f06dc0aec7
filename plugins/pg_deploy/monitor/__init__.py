"""The monitor: measures a database, judges what it found, and says so once."""
