"""Schemas in the formats of others: written from fields and read into fields."""
