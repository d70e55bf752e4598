"""The stub in its own process, and a certificate authority for its TLS."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

import trustme
from attrs import frozen

LONGEST_WAIT = 60.0


@frozen
class Stub:
    """
    The running stub.

    Attributes:
        environment: For the processes of contenders: made-up credentials, and the authority to trust.
    """

    endpoints: dict[str, str]
    environment: dict[str, str]
    _process: "subprocess.Popen[str]"

    def endpoint(self, scheme: str, size: int, layout: str) -> str:
        """Where items of *size* bytes are found, in the layout `own`, `reference` or `small`."""
        return self.endpoints[f"{scheme} {size} {layout}"]

    def cpu_time(self) -> float:
        """Seconds that it has used."""
        return float(json.loads(asked(self._process, ""))["cpu"])

    def agents(self) -> list[str]:
        """The user agents of the connections that were opened since this or the CPU time was last asked for."""
        agents: list[str] = json.loads(asked(self._process, ""))["agents"]
        return agents


@contextmanager
def stub(sizes: Sequence[int]) -> Iterator[Stub]:
    """With HTTP and TLS, on loopback and free ports."""
    with TemporaryDirectory() as folder:
        authority = trustme.CA()
        bundle, certificate = Path(folder, "ca.pem"), Path(folder, "server.pem")
        authority.cert_pem.write_to_path(bundle)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        environment = environment_with(bundle)
        command = [sys.executable, "-m", "benchmarks.stub", ",".join(map(str, sizes)), str(certificate)]
        with talking(command, environment) as process:
            yield Stub(json.loads(line_of(process)), environment, process)


def environment_with(bundle: Path | None = None) -> dict[str, str]:
    """What a contender's process sees: nothing of this machine's AWS settings."""
    own = {name: value for name, value in os.environ.items() if not _concerns_the_sdk(name)}
    settings = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NODE_NO_WARNINGS": "1",
        "NODE_FOLDER": str(Path(sys.prefix)),
    }
    trust = {"AWS_CA_BUNDLE": str(bundle), "NODE_EXTRA_CA_CERTS": str(bundle)} if bundle else {}
    return own | settings | trust


def _concerns_the_sdk(name: str) -> bool:
    return name.startswith(("AWS_", "BOTO")) or name == "REQUESTS_CA_BUNDLE" or "PROXY" in name.upper()


def node() -> str | None:
    """Node.js, if it is there with the AWS SDK."""
    return shutil.which("node") if Path(sys.prefix, "node_modules/@aws-sdk/client-dynamodb").is_dir() else None


@contextmanager
def talking(command: Sequence[str], environment: dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    """A process that answers lines with lines, and is ended with the block."""
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def asked(process: "subprocess.Popen[str]", line: str) -> str:
    """Its answer to *line*."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return line_of(process)


def line_of(process: "subprocess.Popen[str]") -> str:
    """Its next line."""
    assert process.stdout is not None
    hang = Timer(LONGEST_WAIT, process.kill)
    hang.start()
    line = process.stdout.readline()
    hang.cancel()
    if not line:
        raise RuntimeError(f"a process of the benchmark ended or hung: {process.args!r}")
    return line
