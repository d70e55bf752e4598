"""The session that is made where the user gives none."""

import os
from typing import Any

import aioboto3
from aiobotocore.session import get_session
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from dynadb_async.connection.sdk.http_session import CheckedConfig
from dynadb_async.connection.sdk.variables import filled, names_of, provider_of


def own_session() -> aioboto3.Session:
    """A session whose clients all check host names, and to which an empty variable is unset."""
    session: Any = get_session()
    session.set_default_client_config(CheckedConfig())
    _read_variables(session)
    return aioboto3.Session(botocore_session=session)


def _read_variables(session: Any) -> None:
    store = session.get_component("config_store")
    for setting in BOTOCORE_DEFAUT_SESSION_VARIABLES:
        names = names_of(setting)
        if setting == "region" or any(os.environ.get(each) == "" for each in names):
            store.set_config_provider(setting, provider_of(session, setting))
    container: Any = session.get_component("credential_provider").get_provider("container-role")
    if hasattr(container, "_environ"):
        container._environ = filled()  # noqa: SLF001 - no public way leads there
