"""The whole road on each kind of backend, served here by real servers."""
