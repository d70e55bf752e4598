"""The codec alone, JSON included: `python -m benchmarks.codec ROUNDS` against boto3's, in µs, as JSON."""

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import orjson
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.items import user_data
from dynadb_async import DynamoDbSerializer

SIZES = (1024, 4096, 65536, 300_000)


def steps(size: int) -> dict[str, Callable[[], Any]]:
    """What is compared: user data to the request's bytes, and the answer's bytes to user data."""
    ours, theirs, back = DynamoDbSerializer(), TypeSerializer(), TypeDeserializer()
    data = user_data(size)
    body = orjson.dumps(ours.serialize(data))
    decimals = back.deserialize(json.loads(body))  # boto3 takes no floats
    return {
        "encode": lambda: orjson.dumps(ours.serialize(data)),
        "encode, boto3": lambda: json.dumps(theirs.serialize(decimals)).encode(),
        "decode": lambda: ours.deserialize(orjson.loads(body)),
        "decode, boto3": lambda: back.deserialize(json.loads(body)),
    }


def microseconds(step: Callable[[], Any], count: int) -> float:
    """The CPU time of one of *count* in a row."""
    began = time.process_time()
    for _ in range(count):
        step()
    return (time.process_time() - began) / count * 1e6


def measured(rounds: int) -> dict[int, dict[str, float]]:
    """The medians, by size and step."""
    medians = {}
    for size in SIZES:
        by_step = steps(size)
        count = max(3, 200_000 // size)
        runs = [{name: microseconds(step, count) for name, step in by_step.items()} for _ in range(rounds)]
        medians[size] = {name: median(run[name] for run in runs) for name in by_step}
    return medians


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
