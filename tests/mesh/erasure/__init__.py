"""Erasures: what they reach, and what may happen meanwhile."""
