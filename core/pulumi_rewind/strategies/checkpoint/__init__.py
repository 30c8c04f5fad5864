"""The strategy `checkpoint`: the recorded resources registered again; needs no program."""
