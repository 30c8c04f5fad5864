"""The pulumi CLI: runs of it, what it reports, and what only it can decrypt."""
