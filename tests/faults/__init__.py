"""Fault injection as a habit: rollbacks broken at moments that a seed decides, with the real engine (``make faults``)."""
