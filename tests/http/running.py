"""A real server on a port of its own, for tests that care what goes over the wire."""

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


class Running:
    """A server that runs. `ended`: one entry for each request that the application is through with."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.ended: queue.Queue[str] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(self._observed, interface="asgi3", lifespan="off", log_config=None)
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})

    async def _observed(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            self.ended.put(scope["path"])

    def wait_for_end(self) -> None:
        """Until the application is through with one more request."""
        self.ended.get(timeout=30)

    def connect(self) -> socket.socket:
        """A bare connection, for what no client library would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def start(self) -> None:
        """Requests queue at the socket from its making on, so there is nothing to wait for."""
        self._thread.start()

    def stop(self) -> None:
        """Drain and end."""
        self._server.should_exit = True
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        self._listener.close()


@contextmanager
def running(app: ASGIApp) -> Iterator[Running]:
    """`app` behind a real server."""
    server = Running(app)
    server.start()
    try:
        yield server
    finally:
        server.stop()
