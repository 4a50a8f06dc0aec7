"""Two ways to ask who reaches which row, on two databases, and the check of each by the other."""
