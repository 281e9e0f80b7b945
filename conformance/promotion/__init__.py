"""One small real promotion between two environments of one account, deployed with the real stacks."""
