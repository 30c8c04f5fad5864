"""Symbols and wording, shared by command line and screens."""
