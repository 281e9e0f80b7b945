"""The sandbox: a local AWS into which the real CDK app is deployed."""
