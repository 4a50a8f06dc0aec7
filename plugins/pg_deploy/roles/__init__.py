"""The scripts that make the roles with the least rights, for a superuser to run with psql; see docs/security.md."""
