"""What a person reads: the plan before, the report after, the project's criteria and timeline."""
