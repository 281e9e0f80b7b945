"""What steps, stacks and IAM share: the document, settings, names, errors. It imports nothing of AWS."""
