"""The AWS variables that leave a case plain: what it reads itself, and what changes nothing, each with its reason."""

_READ = "read by the plain case itself, as the SDK reads it"
_RUNTIME = "Lambda's runtime tells the function about itself; no SDK setting"
_TRACING = "read by the X-Ray SDK, which patches aiobotocore where it is to be heard"
_LATER = "asked only where there are no keys in the settings or the environment, and then the case is not plain"

HARMLESS: dict[str, str] = {
    "AWS_REGION": _READ,
    "AWS_DEFAULT_REGION": _READ,
    "AWS_ACCESS_KEY_ID": _READ,
    "AWS_SECRET_ACCESS_KEY": _READ,
    "AWS_SESSION_TOKEN": _READ,
    "AWS_ENDPOINT_URL_DYNAMODB": _READ,
    "AWS_ENDPOINT_URL": _READ,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": _READ,
    "AWS_CONFIG_FILE": "where to look for a file that, if it is there, makes the case not plain",
    "AWS_SHARED_CREDENTIALS_FILE": "where to look for a file that, if it is there, makes the case not plain",
    "AWS_EXECUTION_ENV": "shown in the SDK's user agent, in whose place we have our own; it decides with defaults_mode "
    "auto, which AWS_DEFAULTS_MODE or the configuration file would say",
    "AWS_LAMBDA_FUNCTION_NAME": "with it the SDK passes on the trace id, which the wire does not",
    "AWS_LAMBDA_FUNCTION_VERSION": _RUNTIME,
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": _RUNTIME,
    "AWS_LAMBDA_INITIALIZATION_TYPE": _RUNTIME,
    "AWS_LAMBDA_LOG_GROUP_NAME": _RUNTIME,
    "AWS_LAMBDA_LOG_STREAM_NAME": _RUNTIME,
    "AWS_LAMBDA_LOG_FORMAT": _RUNTIME,
    "AWS_LAMBDA_LOG_LEVEL": _RUNTIME,
    "AWS_LAMBDA_RUNTIME_API": _RUNTIME,
    "AWS_LAMBDA_EXEC_WRAPPER": "a script that Lambda ran before this process",
    "AWS_LAMBDA_MAX_CONCURRENCY": _RUNTIME,
    "AWS_LAMBDA_METADATA_API": _RUNTIME,
    "AWS_LAMBDA_METADATA_TOKEN": _RUNTIME,
    "AWS_XRAY_CONTEXT_MISSING": _TRACING,
    "AWS_XRAY_DAEMON_ADDRESS": _TRACING,
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": _LATER,
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": _LATER,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": _LATER,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": _LATER,
    "AWS_EC2_METADATA_DISABLED": _LATER,
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": _LATER,
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": _LATER,
    "AWS_EC2_METADATA_V1_DISABLED": _LATER,
    "AWS_IMDS_USE_IPV6": _LATER,
    "AWS_METADATA_SERVICE_TIMEOUT": _LATER,
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": _LATER,
}
