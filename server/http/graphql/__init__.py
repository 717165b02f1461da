"""GraphQL over HTTP and sockets: conformance, limits, the page."""
