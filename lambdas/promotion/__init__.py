"""What a promotion is: the typed document, its rules, and the AWS calls it needs."""
