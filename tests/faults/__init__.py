"""Rollbacks broken at moments that a seed decides, with the real engine (``make faults``)."""
