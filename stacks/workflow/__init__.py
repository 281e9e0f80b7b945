"""The state machine definition."""
