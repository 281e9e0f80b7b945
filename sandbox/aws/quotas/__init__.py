"""Service Quotas for the sandbox: how many instances SageMaker's endpoints may have. They are asked, not raised."""


def install() -> None:
    """Add the service to MiniStack, which has the sandbox's SageMaker already."""
    # Not at the top: MiniStack reads its settings when it is imported.
    from sandbox.aws.quotas import installation  # noqa: PLC0415

    installation.install()
