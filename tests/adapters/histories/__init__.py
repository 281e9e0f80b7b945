"""Histories of an endpoint: what SageMaker, others and the workflow's steps do, in any order."""
