"""One process beside the server, for work that would hold it up."""
