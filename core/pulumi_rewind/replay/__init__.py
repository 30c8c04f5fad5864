"""A replay: the language host that registers a goal with the engine, relinking as responses come."""
