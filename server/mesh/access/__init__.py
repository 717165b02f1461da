"""Access: who may read what: the admin key, and grants of published batches."""
