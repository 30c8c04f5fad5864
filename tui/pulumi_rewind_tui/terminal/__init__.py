"""Running on the command line: options, planning, running, and what is said of it."""
