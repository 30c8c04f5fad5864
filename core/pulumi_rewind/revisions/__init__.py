"""Revisions of components: ups and downs, as an ORM's migrations have them."""
