"""The project's own code in a rollback: found, agreed to, called in a process of its own, its outcome told apart."""
