"""From catalog facts after a change back to those before it, one module for each part of a database."""
