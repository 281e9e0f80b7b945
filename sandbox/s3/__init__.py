"""What the sandbox adds to MiniStack's S3: bad days on demand, and objects as they were in other years."""
