"""The endpoint and its configuration: the calls, and what their responses mean."""
