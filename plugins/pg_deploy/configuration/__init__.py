"""What a run, an installation and a task's limits are told: conf, settings, durations."""
