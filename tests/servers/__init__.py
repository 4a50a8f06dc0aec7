"""PostgreSQL of other versions than this machine's: the programs, and whole runs of the product on them."""
