"""
A process as Lambda starts one: `python -m tests.lambda_process MODULE`, then an event per line on stdin.

It answers with a line of JSON: the milliseconds of the start and of each invocation, and the handler's answers.
"""

import json
import sys
import time
from importlib import import_module
from itertools import pairwise
from typing import Any


class Context:
    """What Lambda tells of an invocation."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        """The time that is left."""
        return 6000


def main(module: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Start, and invoke the handler with each event."""
    times, answers = [time.monotonic()], []
    handler = import_module(module).handler
    times.append(time.monotonic())
    for event in events:
        answers.append(handler(event, Context()))
        times.append(time.monotonic())
    took = [round((end - begin) * 1000) for begin, end in pairwise(times)]
    return {"start": took[0], "invocations": took[1:], "answers": answers}


if __name__ == "__main__":
    json.dump(main(sys.argv[1], [json.loads(line) for line in sys.stdin]), sys.stdout)
