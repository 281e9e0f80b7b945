"""Fault injection: on demand a call to AWS is refused, answered late or not at all, or its caller is killed."""
