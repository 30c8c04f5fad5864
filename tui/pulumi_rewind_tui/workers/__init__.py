"""What runs beside the UI: planning, running, comparing, in threads and processes."""
