"""Domains: who answers for which part of the mesh."""
