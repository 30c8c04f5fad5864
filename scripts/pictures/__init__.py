"""Makes everything in ``screenshots/`` from the real program on a real demo (``make pictures``)."""
