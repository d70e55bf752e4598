"""
A store in the process as a way to an answer: `memory:`, `memory:NAME` and `file:PATH` in place of an endpoint.

It answers the requests that this package sends as DynamoDB does, and no others. So all above it is the same code: the
conditions, the merge, the duplicates, the table that is created when it is missing.
"""
