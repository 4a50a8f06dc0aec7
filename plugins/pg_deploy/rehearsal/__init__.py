"""Rehearsals: the whole deployment run first on a copy that cannot touch production."""
