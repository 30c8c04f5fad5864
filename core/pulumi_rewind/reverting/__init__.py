"""After a rollback: a branch without the commits that the stack went back over, so that HEAD matches it again."""
