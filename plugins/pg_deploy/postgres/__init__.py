"""Reaching PostgreSQL: sessions, its programs, private clusters, and the engine's own SQL files."""
