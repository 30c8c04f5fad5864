"""A stack's updates: timeline, targets, commits, blame, and where the state of an update comes from."""
