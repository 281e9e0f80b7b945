"""The schema of promotion.yaml: what a person writes, and what the Lambdas get of it. It imports nothing of the CDK."""
