"""A turn on its way through one event loop: its place in the queue, its time, its table, its load and its save."""
