"""Holds: after a rollback nobody's pipeline applies the bad commit again, until the hold ends."""
