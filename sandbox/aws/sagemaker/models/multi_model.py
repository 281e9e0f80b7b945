"""A multi-model container: each of its models is fetched and started when it is first asked for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sandbox.aws.sagemaker.hosting.process import Invocation, Process, Reply


class MultiModel:
    """One process for each model that is loaded, as multi-model servers have a worker for each."""

    def __init__(self, load: Callable[[str], Process], *, cached: bool) -> None:
        self._load = load
        self._cached = cached
        self._loaded: dict[str, Process] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def invoke(self, invocation: Invocation) -> Reply:
        """Ask the target model. Raises what loading it raises."""
        assert invocation.target_model is not None  # noqa: S101 - InvokeEndpoint asks for it
        with self._model(invocation.target_model) as process:
            return process.invoke(invocation)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            loaded = list(self._loaded.values())
            self._loaded.clear()
        for process in loaded:
            process.stop()

    @contextmanager
    def _model(self, target: str) -> Iterator[Process]:
        with self._lock:
            loading = self._locks.setdefault(target, threading.Lock())
        if not self._cached:
            process = self._load(target)
            try:
                yield process
            finally:
                process.stop()
            return
        with loading:
            process = self._loaded.get(target) or self._keep(target, self._load(target))
        yield process

    def _keep(self, target: str, process: Process) -> Process:
        with self._lock:
            if not self._stopped:
                self._loaded[target] = process
                return process
        process.stop()
        raise ConnectionError("the endpoint's fleet was stopped while the model was loaded")
