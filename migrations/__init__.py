"""Alembic migrations of the database, run at start and by `lakemesh migrate`."""
