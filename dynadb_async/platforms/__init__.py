"""
What a turn needs, read from a platform's request, and who may call at all: on the package's public names.

One module per platform reads its requests. One verifier per platform checks its calls; Alexa's, which needs
`dynadb-async[alexa]`, is `dynadb_async.platforms.alexa_verifier.AlexaVerifier`.
"""

from dynadb_async.platforms.request import MalformedRequestError, PlatformRequest
from dynadb_async.platforms.verifier import Headers, SignatureError, Verifier
from dynadb_async.platforms.verifiers import DialogflowVerifier, MetaVerifier, SlackVerifier, TelegramVerifier

__all__ = [
    "DialogflowVerifier",
    "Headers",
    "MalformedRequestError",
    "MetaVerifier",
    "PlatformRequest",
    "SignatureError",
    "SlackVerifier",
    "TelegramVerifier",
    "Verifier",
]
