"""What stands between a plan and the stack: consent, the last checks, copies of the state, edits of it."""
