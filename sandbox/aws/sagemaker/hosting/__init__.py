"""Containers that really serve: processes, invocation, asynchronous invocation."""
