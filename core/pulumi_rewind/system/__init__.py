"""The machine: files that others may have written, private directories, processes, git, the user's own directories."""
