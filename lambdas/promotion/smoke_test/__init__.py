"""Smoke tests: what is sent, how the endpoint is invoked, and how the response is evaluated."""
