"""Lakemesh's server: kernel, adapters, mesh, http, and what puts them together."""
