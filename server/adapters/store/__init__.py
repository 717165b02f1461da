"""The event store: append, load, read models, feed."""
