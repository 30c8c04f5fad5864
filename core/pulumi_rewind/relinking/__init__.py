"""Relinking: recorded ids and outputs of an object replaced by what that object has now. Pure."""
