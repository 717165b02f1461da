"""What NetworkX reads of our backend when it is imported: kept apart, so that nothing heavy comes with it."""

from typing import Any

FUNCTIONS = (
    "ancestors",
    "bfs_edges",
    "degree_centrality",
    "descendants",
    "dijkstra_path_length",
    "has_path",
    "in_degree_centrality",
    "is_directed_acyclic_graph",
    "is_strongly_connected",
    "is_weakly_connected",
    "number_strongly_connected_components",
    "number_weakly_connected_components",
    "out_degree_centrality",
    "pagerank",
    "shortest_path",
    "single_source_dijkstra_path_length",
    "single_source_shortest_path_length",
    "single_target_shortest_path_length",
    "strongly_connected_components",
    "topological_generations",
    "weakly_connected_components",
)


def backend_info() -> dict[str, Any]:  # the shape is NetworkX's own
    """The backend's name and what it implements."""
    return {
        "backend_name": "lineage",
        "short_summary": "The lineage graph of a mesh, asked where it is.",
        "functions": {name: {} for name in FUNCTIONS},
    }
