"""Where MiniStack's responses differ from those of AWS.

Each module fixes one difference. A patch wraps what it fixes and falls back on it wherever it can. Its tests run twice,
with the patch and against MiniStack without any, where they must fail: when one passes, upstream has fixed it, and the
patch can be removed.
"""
