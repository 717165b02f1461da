"""Data products: what a domain offers, with a schema, a version and output ports."""
