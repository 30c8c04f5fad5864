"""The one road of a rollback: planning, guards, run, verification, recording."""
