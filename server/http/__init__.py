"""HTTP: GraphQL, files by signed address, health."""
