"""One step of the workflow per file: facts, a rule, an action."""

import gc

# What a cold start imports is no garbage: looking for some in it, again and again while it grows, takes 10 % of its
# CPU. The first event enables the collection again (runtime/handler.py).
gc.disable()
