"""The log as such: the audit trail, its verification, its live feed."""
