"""The state of the target's server, and what it means for a deployment. Reads only."""
