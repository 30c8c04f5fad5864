"""What the commands print: lines of spans, made by pure functions, written by one writer."""
