"""The ways of going back, each an object behind one protocol: checkpoint, program, state."""
