"""What an endpoint configuration runs, and how a request goes through it."""

import threading
from dataclasses import dataclass, field, replace

from sandbox.aws.sagemaker.hosting.process import INVOCATION_SECONDS, Invocation, Process, Reply
from sandbox.aws.sagemaker.models.multi_model import MultiModel


@dataclass
class Container:
    """A container of a model, by its name in logs and messages."""

    title: str
    server: Process | MultiModel


@dataclass
class ServedModel:
    """The containers of one variant: a chain, or (Direct) each for itself."""

    direct: bool
    containers: list[Container] = field(default_factory=list)

    @property
    def is_multi_model(self) -> bool:
        return any(isinstance(container.server, MultiModel) for container in self.containers)

    def invoke(self, invocation: Invocation) -> tuple[Reply, str]:
        """The answer, and which container gave it: the last one, or the first that failed."""
        chain = [
            container
            for container in self.containers
            if not self.direct or container.title == invocation.target_container
        ]
        passed = replace(invocation, accept="*/*")
        for container in chain[:-1]:
            reply = container.server.invoke(passed)
            if reply.status != 200:
                return reply, container.title
            passed = replace(passed, body=reply.body, content_type=reply.content_type)
        return chain[-1].server.invoke(replace(passed, accept=invocation.accept)), chain[-1].title

    def stop(self) -> None:
        for container in self.containers:
            container.server.stop()


@dataclass(eq=False)
class Fleet:
    """What one endpoint configuration runs: a model for each variant."""

    variants: dict[str, ServedModel] = field(default_factory=dict)
    _requests: int = 0
    _quiet: threading.Condition = field(default_factory=threading.Condition)

    def enter(self) -> None:
        """A request begins: drain() waits until it has called leave()."""
        with self._quiet:
            self._requests += 1

    def leave(self) -> None:
        with self._quiet:
            self._requests -= 1
            self._quiet.notify_all()

    def drain(self) -> None:
        """Stop once the requests that it serves are answered."""
        with self._quiet:
            self._quiet.wait_for(lambda: self._requests == 0, timeout=INVOCATION_SECONDS)
        self.stop()

    def stop(self) -> None:
        for model in self.variants.values():
            model.stop()
