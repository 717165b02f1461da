"""Where the GraphQL application stands: one path for requests and sockets, our own page files under it."""

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from server.http.graphql.app import GraphQLApp
from server.http.graphql.page import page_assets


def graphql_routes(app: GraphQLApp, path: str = "/graphql") -> list[BaseRoute]:
    """Routes for every method, so that a wrong one is answered in GraphQL's shape too."""
    routes: list[BaseRoute] = [Route(path, app), WebSocketRoute(path, app)]
    if app.page is not None:
        routes.append(Mount(f"{path}/assets", page_assets(), name="graphql-assets"))
    return routes
