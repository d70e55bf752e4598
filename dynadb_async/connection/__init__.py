"""One call to DynamoDB and its attempts; in it, a room for each way to an answer."""
