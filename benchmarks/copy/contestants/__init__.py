"""Who copies: Promote, and what a user would run otherwise. Each takes a World and copies its workload."""
