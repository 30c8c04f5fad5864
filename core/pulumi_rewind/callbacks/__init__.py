"""The project's own code in a rollback: found, trusted, called in a separate process, with its own outcomes."""
