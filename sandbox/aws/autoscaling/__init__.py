"""Application Auto Scaling for the sandbox: what is registered for the variants of endpoints. Nothing is scaled."""


def install() -> None:
    """Add the service to MiniStack, which has the sandbox's SageMaker already."""
    # Not at the top: MiniStack reads its settings when it is imported.
    from sandbox.aws.autoscaling import installation  # noqa: PLC0415

    installation.install()
