"""The sequence of a rollback: planning, guards, run, verification, recording."""
