"""SageMaker for the sandbox: control plane, model registry and real hosting, inside MiniStack's process."""


def install() -> None:
    """Add the service to MiniStack. To be called once, before `ministack.app.main()`."""
    # Not at the top: the hosting processes import this package and have no use for MiniStack.
    from sandbox.aws.sagemaker import installation  # noqa: PLC0415

    installation.install()
