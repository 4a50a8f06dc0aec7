"""The rights that pending statements need, and those that the deploying role lacks."""
