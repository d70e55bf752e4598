"""Python values as attribute values and back, as JSON, and their sizes; pure."""
