"""The folder of DynamoDB's own export to S3: which files are its data, and whether all of it is there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from dynadb_async.cli.working import fail

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
FILES, SUMMARY = "manifest-files.json", "manifest-summary.json"
# Between two entries: a line's end.
LONGEST_GAP = 16
DATA = ("*.json.gz", "*.json")


@frozen
class DataFile:
    """
    A file of data.

    Attributes:
        path: Where.
        count: How many items the manifest says it has; None where nobody says.
    """

    path: Path
    count: int | None = None


def data_files(folder: Path) -> list[DataFile]:
    """
    The data of an export: as its manifest lists it, or all that is in a *folder* without one.

    Ends the command where that is not all of one export, or none that can be taken.
    """
    manifests = sorted(folder.rglob(FILES))
    if len(manifests) > 1:
        exports = ", ".join(one.parent.name for one in manifests)
        fail(f"{folder} has more than one export ({exports}); name the folder of one")
    files = list(_listed(manifests[0])) if manifests else [DataFile(one) for one in _found(folder)]
    if not files:
        fail(f"{folder} has no data files, such as data/….json.gz")
    return files


def _found(folder: Path) -> list[Path]:
    return next(filter(None, (sorted(folder.rglob(pattern)) for pattern in DATA)), [])


def _listed(manifest: Path) -> Iterator[DataFile]:
    _check(manifest.with_name(SUMMARY))
    for entry in _entries(manifest):
        name = Path(str(entry.get("dataFileS3Key"))).name
        places = [manifest.parent / "data" / name, manifest.parent.parent / "data" / name, manifest.parent / name]
        place = next((place for place in places if place.is_file()), None)
        if place is None:
            fail(f"{places[0]} is missing: {manifest} lists it, so that the export is not whole")
        yield DataFile(place, entry.get("itemCount"))


def _check(summary: Path) -> None:
    """Whether the export is of a kind that has whole items."""
    if not summary.is_file():
        return
    for said in _entries(summary):
        if said.get("outputFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
            fail(f"{summary.parent} is in the format {said['outputFormat']}; export the table as DynamoDB JSON")
        if said.get("exportType", "FULL_EXPORT") != "FULL_EXPORT":
            fail(f"{summary.parent} has changes only; make a full export of the table")


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects in *file*, one after another, over lines or not."""
    decoder, at = json.JSONDecoder(), 0
    try:
        text = file.read_text().strip()
        while at < len(text):
            entry, at = decoder.raw_decode(text, at)
            yield dict(entry)
            at += len(text[at : at + LONGEST_GAP]) - len(text[at : at + LONGEST_GAP].lstrip())
    except (ValueError, TypeError, RecursionError):
        fail(f"{file} is no manifest of a DynamoDB export")
