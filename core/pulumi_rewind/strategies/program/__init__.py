"""The strategy `program`: the old commit's program with the configuration that it had."""
