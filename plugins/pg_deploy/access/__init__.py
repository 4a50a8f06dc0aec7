"""Who may do what with which rows: facts, proof, decision and explanation."""
