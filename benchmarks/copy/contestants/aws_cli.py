"""The AWS CLI's `s3 cp` with its defaults, in an environment of its own: it carries a botocore of its own."""

from __future__ import annotations

import os

from benchmarks.copy.world import PREFIX, SOURCE, TARGET, World


def cp(world: World) -> None:
    """Run the CLI's own main function on a session whose S3 requests the simulated S3 answers."""
    # Only the benchmark's own environment has it.
    from awscli.botocore.awsrequest import AWSResponse  # noqa: PLC0415
    from awscli.clidriver import create_clidriver  # noqa: PLC0415

    os.environ |= {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    driver = create_clidriver()
    world.serve(driver.session.get_component("event_emitter"), AWSResponse, world.machine())
    if world.workload.objects == 1:
        (key,) = world.workload.keys
        what = [f"s3://{SOURCE}/{key}", f"s3://{TARGET}/{key}"]
    else:
        what = ["--recursive", f"s3://{SOURCE}/{PREFIX}", f"s3://{TARGET}/{PREFIX}"]
    status = driver.main(["s3", "cp", *what, "--only-show-errors"])
    if status:
        raise RuntimeError(f"aws s3 cp ended with status {status}.")
