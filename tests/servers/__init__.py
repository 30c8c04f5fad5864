"""Servers that keep stacks, started by the tests themselves on this machine's loopback."""
