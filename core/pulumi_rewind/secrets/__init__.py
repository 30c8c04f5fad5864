"""Secrets: the passphrase provider, what a session knows to be secret, and what takes it out of texts."""
