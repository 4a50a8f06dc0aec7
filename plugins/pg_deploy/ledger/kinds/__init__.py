"""What each kind of evidence holds: the values, and the one place where they are written into a row and read back.

A row that an older version kept lacks what that version did not know: such a field reads as empty.
"""
