"""Projects: which databases have which migrations, who may change them, when, and with which defaults."""
