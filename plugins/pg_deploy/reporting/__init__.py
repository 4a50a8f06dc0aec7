"""What a person reads: the plan before, the report after, the guide's criteria and timeline."""
