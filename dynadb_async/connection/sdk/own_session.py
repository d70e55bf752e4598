"""The session that is made where the user gives none."""

import os
from typing import Any

import aioboto3
from aiobotocore.session import get_session
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigChainFactory

from dynadb_async.connection.sdk.http_session import CheckedConfig


def own_session() -> aioboto3.Session:
    """A session whose clients all check host names, and to which an empty variable is unset."""
    session: Any = get_session()
    session.set_default_client_config(CheckedConfig())
    _read_variables(session, {name: value for name, value in os.environ.items() if value})
    return aioboto3.Session(botocore_session=session)


def _read_variables(session: Any, environ: dict[str, str]) -> None:
    chains, store = ConfigChainFactory(session=session, environ=environ), session.get_component("config_store")
    for name, (in_file, variables, default, cast) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        names = [variables] if isinstance(variables, str) else list(variables or ())
        if name == "region":
            # The SDK does not read it; its siblings in other languages do, and Lambda sets it.
            names = ["AWS_REGION", *names]
        elif not any(os.environ.get(each) == "" for each in names):
            continue
        store.set_config_provider(
            name,
            chains.create_config_chain(
                instance_name=name,
                env_var_names=names,
                config_property_names=in_file,
                default=default,
                conversion_func=cast,
            ),
        )
    container: Any = session.get_component("credential_provider").get_provider("container-role")
    if hasattr(container, "_environ"):
        container._environ = environ  # noqa: SLF001 - no public way leads there
