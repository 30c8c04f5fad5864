"""The demo's shop: resources that are really there on this machine. Copied into every demo project."""
