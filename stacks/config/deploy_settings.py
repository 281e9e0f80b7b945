"""What the Lambdas get of promotion.yaml: each default filled in, endpoints in the words of SageMaker's API."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lambdas.promotion.contract import settings
from stacks.config.fields.settings_by_name import settings_from
from stacks.config.schema import Application, Environment, Hub, Stage
from stacks.config.stage import autoscaling


def settings_of(
    hub: Hub, environments: Mapping[str, Environment], applications: Mapping[str, Application]
) -> settings.Settings:
    """Return the deployed settings of a whole file."""
    return settings.Settings(
        hub=hub.deployed(),
        external_id=hub.external_id,
        environments={
            name: settings_from(settings.Environment, environment, name=name)
            for name, environment in environments.items()
        },
        applications={
            name: settings_from(
                settings.Application,
                application,
                name=name,
                stages={
                    stage_name: stage_of(stage_name, stage, application, environments[stage.source].buckets)
                    for stage_name, stage in application.stages.items()
                },
            )
            for name, application in applications.items()
        },
    )


def stage_of(name: str, stage: Stage, application: Application, source_buckets: Collection[str]) -> settings.Stage:
    """Return a stage's settings. A field that has the same name in the stage or its application needs no line here."""
    return settings_from(
        settings.Stage,
        stage,
        application,
        name=name,
        environment=stage.environment_name(name),
        endpoint_config=stage.endpoint_config(),
        deployment_config=stage.rollout.deployment_config() if stage.rollout else None,
        retain_variant_properties=stage.retain_all_variant_properties,
        exclude_retained=stage.exclude_retained_variant_properties,
        smoke_tests=tuple(test.deployed(source_buckets) for test in stage.smoke_test),
        autoscaling=autoscaling.deployed(stage.autoscaling, stage.variants_by_name()),
    )
