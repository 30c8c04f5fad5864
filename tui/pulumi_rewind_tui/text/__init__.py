"""From data to lines of text: plain functions, shared by command line and screens."""
