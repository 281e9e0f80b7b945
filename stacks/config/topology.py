"""The whole of promotion.yaml, and what follows from it: which environment takes models and images from which other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lambdas.promotion.contract import settings
from stacks.config import deploy_settings
from stacks.config.fields.field_types import ApplicationName, EnvironmentName, StrictModel
from stacks.config.fields.option import option
from stacks.config.schema import Application, ConfigurationError, Defaults, Environment, Hub, Stage


class Configuration(StrictModel, title="promotion.yaml"):
    """What is deployed: the hub, the environments, and the applications with their stages."""

    hub: Annotated[
        Hub,
        option(
            "The account of the state machine.",
            example={"account": "111111111111", "region": "us-east-1"},
            effect="See its fields.",
        ),
    ]
    environments: Annotated[
        dict[EnvironmentName, Environment],
        Field(min_length=2),
        option(
            "The accounts that take part, at least two, by their names: small letters, digits and hyphens.",
            example={
                "dev": {"account": "222222222222", "region": "us-east-1", "buckets": ["models"]},
                "qa": {"account": "333333333333", "region": "us-east-1"},
            },
            effect="Deploy all stacks. An environment with another name is another environment: the stack of the old "
            "one stays until it is deleted.",
        ),
    ]
    applications: Annotated[
        dict[ApplicationName, Application],
        option(
            "The model lineages by their names. There may be none yet.",
            example={},
            effect="Deploy all stacks: the hub has the settings, the environments have the permissions. The endpoints "
            "of a removed application stay.",
        ),
    ]

    include: Annotated[
        str | tuple[str, ...],
        option(
            "Files with further `environments` and `applications`: paths below this file's folder, also with `*` and "
            "`**`, one or a list. An included file includes no other, and no name is in two files.",
            example=["applications/*.yaml"],
            effect="None by itself: where something is written makes no difference.",
        ),
    ] = ()
    defaults: Annotated[
        Defaults,
        option(
            "What applications and stages have without having it written.",
            example={"stage": {"deadline": "30m"}},
            effect="That of the field, in each application or stage that takes it from here.",
        ),
    ] = Defaults()

    def deployed(self) -> settings.Settings:
        """Return what the Lambdas need to know."""
        return deploy_settings.settings_of(self.hub, self.environments, self.applications)

    def environment_of(self, stage_name: str, stage: Stage) -> str:
        return stage.environment_name(stage_name)

    def registry_environment(self, application: Application) -> str:
        """Return the environment whose registry holds the application's model package group."""
        return application.registry

    def sources(self) -> dict[str, set[str]]:
        """Return, for each target environment, the environments that it takes models from."""
        sources: dict[str, set[str]] = {}
        for _, target, stage in self._stages():
            sources.setdefault(target, set()).add(stage.source)
        return sources

    def used_environments(self) -> set[str]:
        """Return the environments that some stage names; the others have nothing to deploy."""
        sources = self.sources()
        return set(sources).union(*sources.values())

    def deployment_order(self) -> list[str]:
        """Return the environments so that each comes after those it takes from. Raises ConfigurationError.

        A bucket policy may only name roles that exist (AWS: "Invalid principal in policy"), so the copier's
        environment is deployed first.
        """
        order: list[str] = []
        sources = self.sources()
        waiting = {
            name: (sources.get(name, set()) & set(self.environments)) - {name}
            for name in self.environments
            if name in self.used_environments()
        }
        while waiting:
            ready = [name for name, sources in waiting.items() if sources <= set(order)]
            if not ready:
                raise ConfigurationError(
                    f"environments: {', '.join(sorted(waiting))} take models from each other in a circle. None of "
                    "them can be deployed first; let models flow one way."
                )
            order += ready
            waiting = {name: sources for name, sources in waiting.items() if name not in ready}
        return order

    def image_copies(self) -> set[tuple[str, str]]:
        """Return the environments between which images are copied, each as a pair of source and target."""
        return {(stage.source, target) for application, target, stage in self._stages() if application.copy_images}

    def copied_metadata(self, source: str, target: str) -> tuple[bool, bool]:
        """Return whether some application copies tags, and annotations, between these two environments."""
        applications = [
            application
            for application, stage_target, stage in self._stages()
            if (stage.source, stage_target) == (source, target)
        ]
        return (
            any(application.copy_tags for application in applications),
            any(application.copy_annotations for application in applications),
        )

    def environments_with_smoke_tests(self) -> set[str]:
        """Return the environments with a stage that has a smoke test."""
        return {target for _, target, stage in self._stages() if stage.smoke_test}

    def start_aliases(self) -> list[str]:
        """Return the aliases of the state machine that start the stages, each once."""
        return sorted(
            {
                stage.started_by(name)
                for application in self.applications.values()
                for name, stage in application.stages.items()
            }
        )

    def registries_of_approved_stages(self) -> set[str]:
        """Return the environments in whose model registries an approval is read also for a rollback."""
        return {application.registry for application, _, stage in self._stages() if stage.approved_only}

    def payload_sources(self) -> set[str]:
        """Return the environments from which some smoke test's payload is read while they are a stage's source."""
        return {
            stage.source
            for _, _, stage in self._stages()
            if any(test.reads_source(self.environments[stage.source].buckets) for test in stage.smoke_test)
        }

    def _stages(self) -> Iterator[tuple[Application, str, Stage]]:
        """Yield each stage with its application before it and the name of its environment."""
        for application in self.applications.values():
            for name, stage in application.stages.items():
                yield application, stage.environment_name(name), stage
