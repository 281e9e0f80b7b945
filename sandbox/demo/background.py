"""What takes long in the demo and needs no sandbox: it is done before it is shown, in the background, in this order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.aws import deployment
from sandbox.aws.layout import Layout
from sandbox.demo import configuration, data_scientist, pipeline
from sandbox.demo.data_scientist import Trained
from sandbox.demo.deployment import app
from sandbox.demo.pipeline import TrainedPipeline

OLD_TYPE, NEW_TYPE = "ml.m5.large", "ml.m5.xlarge"


@dataclass(frozen=True)
class Background:
    """The results, which may have to be waited for."""

    trained: Future[Trained]
    larger: Future[Path]  # the cloud assembly with another instance type
    mislabelled: Future[Trained]
    two_containers: Future[TrainedPipeline]


@contextmanager
def background(directory: Path) -> Iterator[Background]:
    """Begin everything. What has not begun when the context ends is left out."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        yield Background(
            pool.submit(data_scientist.train),
            pool.submit(synthesise_larger, directory / "larger"),
            pool.submit(data_scientist.train, swapped=True),
            pool.submit(pipeline.train),
        )
    finally:
        pool.shutdown(cancel_futures=True)


def synthesise_larger(directory: Path) -> Path:
    """Synthesise the app with another instance type for production. Returns the cloud assembly."""
    layout = Layout(directory)
    layout.create()
    config = directory / "promotion.yaml"
    config.write_text(configuration.DEFAULT.read_text().replace(OLD_TYPE, NEW_TYPE))
    deployment.synthesise(layout, app(config))
    return layout.cloud_assembly
