"""The audit of access: who read what, when and why."""
