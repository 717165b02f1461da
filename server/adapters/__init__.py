"""The plumbing: Postgres, the event store, files, the engine, runs. Knows the kernel and nothing of the business."""
