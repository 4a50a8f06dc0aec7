"""What is looked at, refused and claimed before anything is changed."""
