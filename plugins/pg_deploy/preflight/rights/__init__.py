"""Which rights pending statements need, and which of them the deploying role lacks."""
