"""The SDK's descriptions of DynamoDB and of AWS's regions, which it reads when it makes its first client."""

from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError

OF_THE_SERVICE = ("service-2", "endpoint-rule-set-1")
OF_ALL = ("endpoints", "partitions", "sdk-default-configuration", "_retry")


def read_models(session: Any) -> None:
    """
    Have the session read them now, so that making a client on an event loop's thread does not.

    No public way leads there: where a release keeps them elsewhere, they are read when the client is made.
    """
    with suppress(AttributeError, BotoCoreError):
        loader = session._session.get_component("data_loader")  # noqa: SLF001
        for name in OF_THE_SERVICE:
            loader.load_service_model("dynamodb", name)
        for name in OF_ALL:
            loader.load_data(name)
