"""Everything that is checked before anything is created.

run.py takes the list of checks/, opens the sessions, reads the facts that several checks need (facts.py), and runs the
probes of the checks concurrently. To add a check, see checks/__init__.py.
"""
