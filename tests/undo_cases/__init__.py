"""`make undo-cases CASES=FOLDER`: each case's migration is applied and undone by the engine; pg_dump and the rows judge."""
