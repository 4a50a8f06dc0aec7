"""The conditions that decide about rows, read and rewritten: policies in force, subjects, witnesses."""
