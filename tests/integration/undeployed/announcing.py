"""Write the state that announces as CDK writes it, before an end, and NAME for the topic's name.

Run it with the number of the hub's account.
"""

import json
import sys
from typing import Any


def main(hub: str) -> None:
    # Here, so that a test may import the name of this module without the CDK.
    import aws_cdk as cdk  # noqa: PLC0415
    from aws_cdk import aws_sns as sns  # noqa: PLC0415
    from aws_cdk import aws_stepfunctions as sfn  # noqa: PLC0415

    from stacks.workflow.announce import announce_outcome  # noqa: PLC0415

    stack = cdk.Stack(cdk.App(), "announcing", env=cdk.Environment(account=hub, region="us-east-1"))
    topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:us-east-1:{hub}:NAME")
    ended = sfn.Pass.jsonata(stack, "Ended")
    graph = sfn.StateGraph(announce_outcome(stack, topic, ended).start_state, "announcing")
    states: dict[str, Any] = dict(stack.resolve(graph.to_graph_json())["States"])
    # Its partition is a reference until it is deployed.
    states["Announce the outcome"]["Resource"] = "arn:aws:states:::sns:publish"
    json.dump(states, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
