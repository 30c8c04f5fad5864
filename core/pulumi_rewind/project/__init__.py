"""A project on disk: workspace, settings, stack configuration, git repository, journal of rollbacks."""
