"""Plain functions from what is known to lines of text, for command line and screens."""
