"""How long things may last, and how many connections a step has: each fact once, what follows from it computed."""

from __future__ import annotations

from datetime import timedelta

# --- Invocations of a step's Lambda function.

LONGEST_INVOCATION = timedelta(minutes=15)  # AWS: Lambda quotas, function timeout
SHORT_INVOCATION = timedelta(seconds=60)  # the timeout of a step that makes few calls
# A step begins no new work in the last seconds of its invocation: requests in progress may take more than a minute (a
# CopyObject of 5 GB at 85 MB/s).
INVOCATION_RESERVE = timedelta(seconds=75)
LONGEST_WORK = LONGEST_INVOCATION - INVOCATION_RESERVE
# Step Functions waits this much longer than the function's timeout, so that the function's own error is reported.
TASK_TIMEOUT_MARGIN = timedelta(seconds=15)
# A short step's function continues after its execution was stopped, until its timeout; the rest is a margin.
STOP_GRACE_PERIOD = SHORT_INVOCATION + timedelta(seconds=30)

# --- Requests. A request that hangs from the beginning ends before its invocation does: the error names the call.

CONNECT_TIMEOUT = timedelta(seconds=5)
READ_TIMEOUT = timedelta(seconds=25)
# One CopyObject of 5 GB, or completing 10,000 parts, is one long request: S3 responds when it is done.
LONG_CALL_READ_TIMEOUT = LONGEST_INVOCATION - timedelta(seconds=60)
MODEL_RESPONSE = timedelta(seconds=60)  # API: InvokeEndpoint, a model's own limit
INVOKE_READ_TIMEOUT = MODEL_RESPONSE + timedelta(seconds=10)
CONNECTIONS = 50  # the most requests that most steps have in progress
MOST_CONNECTIONS = 200  # of one client: the parts that a work unit copies at once

# --- The workflow.

LONGEST_DEPLOYMENT = timedelta(hours=8)  # API: DeploymentConfig, MaximumExecutionTimeoutInSeconds
# A rollback may have to wait until a deployment ends.
LONGEST_ROLLBACK = LONGEST_DEPLOYMENT + timedelta(hours=1)
# A smoke test that begins at the deadline, with each of its retries (tests/stacks/workflow/test_retries.py, as below).
LONGEST_SMOKE_TEST = timedelta(hours=2)
# A state that is retried while Lambda or AWS is not available: 60 pauses of a minute, and as many requests that hang.
LONGEST_PATIENCE = timedelta(minutes=90)
# What an execution may last beyond the stage's deadline: the smoke test, a rollback, the three patient states that may
# conclude a promotion, and half an hour for the last polls and the short states.
EXECUTION_RESERVE = LONGEST_SMOKE_TEST + LONGEST_ROLLBACK + 3 * LONGEST_PATIENCE + timedelta(minutes=30)
