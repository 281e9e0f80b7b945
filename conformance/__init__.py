"""Does AWS answer as this project assumes? Checks against a real account, or against the sandbox as if it were one."""
