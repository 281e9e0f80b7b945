"""`make demo`: a text classifier goes from dev to QA and from QA to production, in a local AWS."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lambdas.promotion.contract import resource_names
from sandbox.aws import deployment, process
from sandbox.aws.control import Sandbox
from sandbox.aws.layout import Layout
from sandbox.demo import data_scientist, pipeline, watch
from sandbox.demo.background import NEW_TYPE, Background, background
from sandbox.demo.deployment import DIRECTORY, launch, state_machine_arn
from sandbox.demo.phases import Phases

SENTENCES = ("A warm and clever film, I loved it.", "A dull mess, I left after ten minutes.")
ENDPOINTS = {"qa": "text-classifier-qa", "production": "text-classifier"}

Output = dict[str, Any]


class Demo:
    """The steps that a person watches, one after the other."""

    def __init__(self, sandbox: Sandbox, console: Console, prepared: Background) -> None:
        self.sandbox = sandbox
        self.console = console
        self.prepared = prepared

    def train_and_register(self) -> str:
        """Return the ARN of the version that waits for approval."""
        self.show_title("A data scientist trains a text classifier in dev")
        trained = self.prepared.trained.result()
        uploaded = data_scientist.upload(self.sandbox, trained)
        model_package_arn = data_scientist.register(self.sandbox, [uploaded.container])
        self.show_text(f"{trained.reviews} reviews, accuracy {trained.accuracy:.0%} in cross-validation")
        self.show_fact("model", uploaded.model_uri)
        self.show_fact("source", uploaded.source_uri)
        self.show_fact("version", model_package_arn)
        return model_package_arn

    def train_broken(self) -> str:
        """Return the ARN of a version that is wrong, which its own numbers do not show."""
        self.show_title(
            "The next training data has its two labels mixed up: the numbers of the training do not show it"
        )
        trained = self.prepared.mislabelled.result()
        uploaded = data_scientist.upload(self.sandbox, trained)
        model_package_arn = data_scientist.register(self.sandbox, [uploaded.container])
        self.show_text(f"{trained.reviews} reviews, accuracy {trained.accuracy:.0%} in cross-validation")
        self.show_fact("version", model_package_arn)
        return model_package_arn

    def train_two_containers(self) -> str:
        """Return the ARN of a second version: two containers, the first with its model in hundreds of files."""
        self.show_title(
            "She splits it into two containers; the first one's vocabulary is a folder of several hundred files"
        )
        trained = pipeline.upload(self.sandbox, self.prepared.two_containers.result())
        model_package_arn = data_scientist.register(self.sandbox, trained.containers)
        self.show_fact("model", f"{trained.files} objects, most of them below {trained.prefix}")
        self.show_fact("version", model_package_arn)
        return model_package_arn

    def approve_broken(self, model_package_arn: str) -> None:
        """Approve a version that its smoke test must stop, and show what serves then."""
        try:
            self.approve(model_package_arn)
        except watch.PromotionFailed as failure:
            if failure.error != "SmokeTestFailed":
                raise
            self.show_prose(Text.assemble(("RolledBack ", "bold yellow"), str(failure)))
            return
        raise watch.PromotionFailed("a model that answers wrongly was promoted: its smoke test did not stop it")

    def plan(self, title: str, **request: str | bool) -> None:
        """Start a dry run, and show what the promotion would do."""
        self.show_title(title)
        self.show_prose(Text(json.dumps(request), style="dim"), bullet="input     ")
        output = watch.follow(self.sandbox, watch.start(self.sandbox, request), self.console)
        self.show_prose(Text.assemble((output["outcome"], "bold green"), ": nothing was changed"))
        for sentence in output["summary"]:
            self.show_prose(Text(sentence), bullet="- ")

    def show_record(self, stage: str) -> None:
        """Show the record of a stage: one line for each promotion."""
        self.show_title(f"The record of {stage}: each promotion, with its outcome")
        answer = self.sandbox.client("dynamodb").query(
            TableName=resource_names.RECORDS_TABLE,
            KeyConditionExpression="stage = :stage",
            ExpressionAttributeValues={":stage": {"S": f"text-classifier/{stage}"}},
        )
        for item in answer["Items"]:
            error = f" ({item['error']['S']})" if "error" in item else ""
            config = item.get("endpoint_config", {}).get("S", "").rpartition("/")[2]
            self.show_fact(f"{item['started_at']['S'][11:19]}  {item['outcome']['S']}{error}", config, width=40)

    def approve(self, model_package_arn: str) -> Output:
        """Approve the version and watch the promotion that the event starts."""
        self.show_title("She approves the version: EventBridge starts its promotion to QA")
        before = self._executions()
        data_scientist.approve(self.sandbox, model_package_arn)
        deadline = time.monotonic() + 20
        while not (started := self._executions() - before):
            if time.monotonic() > deadline:
                raise watch.PromotionFailed(
                    "the approval started no promotion within 20 s; the sandbox's log says what became of the event"
                )
            time.sleep(0.1)
        return self._watch(started.pop())

    def promote(self, title: str, **request: str) -> Output:
        """Start a promotion as a person or CI does, and watch it."""
        self.show_title(title)
        self.show_prose(Text(json.dumps(request), style="dim"), bullet="input     ")
        return self._watch(watch.start(self.sandbox, request))

    def invoke(self, environment: str) -> None:
        """Ask an endpoint two sentences."""
        answer = self.sandbox.client("sagemaker-runtime", environment).invoke_endpoint(
            EndpointName=ENDPOINTS[environment], ContentType="text/csv", Body="\n".join(SENTENCES).encode()
        )
        for sentence, prediction in zip(SENTENCES, json.loads(answer["Body"].read()), strict=True):
            colour = "green" if prediction["label"] == "positive" else "red"
            self.show_prose(
                Text.assemble(
                    f"{environment}: “{sentence}” → ",
                    (prediction["label"], f"{colour} bold"),
                    f" ({prediction['probability']:.0%})",
                )
            )

    def change_instance_type(self) -> None:
        """Deploy the hub again with another instance type for production."""
        self.show_title(f"The platform engineer changes production to {NEW_TYPE} in promotion.yaml and deploys the hub")
        phases = Phases(self.console)
        with phases.shown():
            with phases.report("synthesise"):
                assembly = self.prepared.larger.result()
            with phases.report("deploy"):
                hub = (resource_names.hub_stack(),)
                deployment.deploy(self.sandbox.layout, self.sandbox.port, hub, assembly=assembly)

    def show_deployments(self) -> None:
        self.show_title("What is where now")
        for environment, endpoint in ENDPOINTS.items():
            sagemaker = self.sandbox.client("sagemaker", environment)
            description = sagemaker.describe_endpoint(EndpointName=endpoint)
            config = sagemaker.describe_endpoint_config(EndpointConfigName=description["EndpointConfigName"])
            variant = config["ProductionVariants"][0]
            model = sagemaker.describe_model(ModelName=variant["ModelName"])
            self.console.print(
                f"  [bold]{environment:<14}[/] [green]{description['EndpointStatus']}[/] on {variant['InstanceType']}"
            )
            for name, value in (
                ("endpoint", description["EndpointArn"]),
                ("configuration", config["EndpointConfigArn"]),
                ("model", model["ModelArn"]),
                *(("model data", uri) for uri in _model_data(model)),
            ):
                self.show_fact(name, value)

    def show_title(self, title: str) -> None:
        self.console.print()
        self.show_prose(Text(title, style="bold cyan"), bullet="▶ ")

    def show_prose(self, text: Text, bullet: str = "") -> None:
        """Wrap between words, below its own beginning."""
        lines = Table.grid()
        lines.add_row(f"  {bullet}", text)
        self.console.print(lines)

    def show_fact(self, name: str, value: str, width: int = 14) -> None:
        """A value that can be copied: it is not wrapped, and stands below its name where it is too long beside it."""
        line = f"{name:<{width}} {value}"
        lines = [line] if len(line) + 2 <= self.console.width else [name, value]
        for text in lines:
            self.show_text(text)

    def show_text(self, text: str) -> None:
        """Do not wrap: an ARN can be copied."""
        self.console.print(f"  {text}", highlight=False, style="dim", soft_wrap=True)

    def _watch(self, execution_arn: str) -> Output:
        output = watch.follow(self.sandbox, execution_arn, self.console)
        self.show_prose(
            Text.assemble(
                (output["outcome"], "bold green"),
                f" in {output['seconds']:.1f} s: {output['artifacts_copied']} of {output['artifacts']} artifacts "
                f"copied ({output['bytes_copied']:,} bytes), model {output['target_model'].rpartition('/')[2]}",
            )
        )
        return output

    def _executions(self) -> set[str]:
        answer = self.sandbox.client("stepfunctions").list_executions(stateMachineArn=state_machine_arn(self.sandbox))
        return {execution["executionArn"] for execution in answer["executions"]}


def _model_data(model: dict[str, Any]) -> list[str]:
    """The S3 URIs of a model's data, one a container."""
    return [
        container.get("ModelDataUrl") or container["ModelDataSource"]["S3DataSource"]["S3Uri"]
        for container in model.get("Containers") or [model["PrimaryContainer"]]
    ]


def run(demo: Demo) -> None:
    """What the demo shows, in order."""
    model_package_arn = demo.train_and_register()
    in_qa = demo.approve(model_package_arn)
    demo.invoke("qa")
    model_name = in_qa["target_model"].rpartition("/")[2]
    request = {"application": "text-classifier", "stage": "production", "model_name": model_name}
    demo.plan(
        "QA's model is good. What would its promotion to production do? A dry run says so", **request, dry_run=True
    )
    demo.promote("Promote it to production", **request)
    demo.invoke("production")
    demo.change_instance_type()
    demo.promote("The same promotion again: only the configuration is new, nothing is copied", **request)
    demo.invoke("production")
    demo.promote("And once more: there is nothing to do", **request)
    demo.approve_broken(demo.train_broken())
    demo.invoke("qa")
    demo.approve(demo.train_two_containers())
    demo.invoke("qa")
    demo.show_record("qa")
    demo.show_deployments()


def start_and_run(layout: Layout, console: Console) -> None:
    """Run the demo in a sandbox of its own, which is stopped whatever happens."""
    process.stop(layout)  # what a killed demo left behind
    try:
        console.print("\n  [bold cyan]▶ Start a local AWS and deploy the stacks into four accounts with the CDK[/]")
        phases = Phases(console)
        with background(layout.root) as prepared:
            with phases.shown():
                sandbox = launch(layout.root, with_model=False, tied=True, report=phases.report)
            run(Demo(sandbox, console, prepared))
    finally:
        process.stop(layout)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--dir", type=Path, default=DIRECTORY / "demo", help="where the sandbox keeps its state")
    arguments = parser.parse_args()
    for outcome in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(outcome, _interrupt)
    console = Console()
    begin = time.monotonic()
    console.print(
        Panel.fit(
            "A model goes [bold]dev → qa → production[/], each an AWS account of its own.\n"
            "The accounts are a local AWS on this machine; the stacks, the IAM permissions and the model are real.",
            title="Promote",
        )
    )
    layout = Layout(arguments.dir.resolve())
    try:
        with process.exclusive(layout):
            start_and_run(layout, console)
    except KeyboardInterrupt:
        console.print("\n[yellow]Interrupted.[/]")
        return 130
    except (process.SandboxFailed, watch.PromotionFailed) as failure:
        console.print(f"\n[bold red]The demo failed.[/] {failure}", highlight=False, soft_wrap=True)
        console.print(f"The sandbox's log: {layout.server_log}", soft_wrap=True)
        return 1
    console.print(f"\nDone in {time.monotonic() - begin:.0f} s; the local AWS is stopped. Try next:", highlight=False)
    for command in (
        "make sandbox && . .sandbox/env.sh      # the same, left running",
        "aws stepfunctions start-execution \\",
        "  --state-machine-arn $PROMOTE_STATE_MACHINE_ARN \\",
        '  --input "{\\"application\\": \\"text-classifier\\", \\"stage\\": \\"qa\\", \\',
        '    \\"model_name\\": \\"$PROMOTE_DEMO_MODEL_NAME\\"}"',
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
