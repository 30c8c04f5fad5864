"""The goal: the registrations that bring a live stack to a target. Pure."""
