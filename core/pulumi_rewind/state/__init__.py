"""What a checkpoint holds: stack, resource, URN, property values, and what can be told of them. Pure."""
