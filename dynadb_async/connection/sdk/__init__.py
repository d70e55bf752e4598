"""The ordinary aioboto3 client as a way to an answer: for all that no other way takes."""
