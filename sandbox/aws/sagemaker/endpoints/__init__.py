"""Endpoint configurations, endpoints and their deployments."""
