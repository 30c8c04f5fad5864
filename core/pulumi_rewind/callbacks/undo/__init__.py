"""Undo callbacks and hooks around a rollback: matched with a plan, called, their results taken into the goal."""
