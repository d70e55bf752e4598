"""Who asks: the user agent's beginning."""

# Written here, too: looking it up in the installed metadata takes longer than a turn.
VERSION = "0.1.0"
USER_AGENT = f"dynadb-async/{VERSION}"
