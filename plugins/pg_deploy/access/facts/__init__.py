"""What the catalog says about access: rights, policies, and which of their differences are settled."""
