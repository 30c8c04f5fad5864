"""The operator's own `pulumi up`: reviewed, watched, judged, and taken back if it fails."""
