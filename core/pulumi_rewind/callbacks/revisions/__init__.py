"""Revisions of components: which are applied, which a plan has to go up or down, and running them."""
