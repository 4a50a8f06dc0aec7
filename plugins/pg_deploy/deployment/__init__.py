"""Changing the target: the state before, apply, verify, and what judges a migration."""
