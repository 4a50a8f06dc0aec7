"""Running a migration's segments: deadlines, concurrent builds, old backends, stop rules, lost connections."""
