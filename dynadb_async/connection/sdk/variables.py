"""What a session's settings say, as the SDK's siblings in other languages read them too."""

import os
from typing import Any

from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigChainFactory


def names_of(setting: str) -> list[str]:
    """The variables of a setting of the SDK's, the first that is set counts."""
    _, variables, *_ = BOTOCORE_DEFAUT_SESSION_VARIABLES[setting]
    names: list[str] = [variables] if isinstance(variables, str) else list(variables or ())
    # The SDK does not read it; its siblings do, and Lambda sets it.
    return ["AWS_REGION", *names] if setting == "region" else names


def filled() -> dict[str, str]:
    """The environment without empty variables, which are unset."""
    return {name: value for name, value in os.environ.items() if value}


def provider_of(session: Any, setting: str) -> Any:
    """What gives a setting: what botocore's *session* was made with, else a variable, else the configuration file."""
    in_file, _, default, cast = BOTOCORE_DEFAUT_SESSION_VARIABLES[setting]
    return ConfigChainFactory(session=session, environ=filled()).create_config_chain(
        instance_name=setting,
        env_var_names=names_of(setting),
        config_property_names=in_file,
        default=default,
        conversion_func=cast,
    )
