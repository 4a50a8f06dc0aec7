"""The one reader of the catalog: facts, their differences, and what changed by hand."""
