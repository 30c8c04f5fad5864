"""The window after an update: what it would have deleted is held until somebody confirms, and can come back."""
