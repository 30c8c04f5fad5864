"""The contents of a target's assets and archives: found where they still are, verified by hash before use."""
