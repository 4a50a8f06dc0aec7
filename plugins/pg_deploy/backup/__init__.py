"""Backups: what they hold, how they are taken, where they are kept, how they are checked and restored."""
