"""What differs between two checkpoints. Pure."""
