"""Taking back what was deployed: what it costs, what it must lead to, and what is mended when it did not."""
