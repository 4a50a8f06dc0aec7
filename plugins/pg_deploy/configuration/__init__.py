"""What people set: the conf of a run, the settings of an installation, the limits of a task."""
