"""What of the sandbox is Promote's: the demo, the data scientist, the seed."""
