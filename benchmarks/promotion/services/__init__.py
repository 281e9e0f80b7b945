"""The services that a promotion calls, as they answer over the wire."""
