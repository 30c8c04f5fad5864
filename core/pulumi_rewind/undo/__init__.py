"""Undo callbacks and hooks: declared in a hooks file, matched with a plan, run in a process of their own."""
