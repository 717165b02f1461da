"""Tests of what the catalog was at earlier positions."""
