"""Questions about the whole graph, each a pure function of `Compact`, fit for a thread or another process."""
