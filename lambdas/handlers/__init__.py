"""One step of the workflow per file: facts, a rule, an action."""
