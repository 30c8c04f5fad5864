"""The plan: steps with forecasts and risks, what is asked of the operator, and whether the outcome is as planned."""
