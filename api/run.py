"""The HTTP server in a thread of its own: bound before it starts, so that the port is known, and stopped within two seconds.

No signal handlers: the service's own decide when to stop. Live streams are ended first, then requests have a second to finish.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType

import uvicorn
from fastapi import FastAPI

GRACE_S = 1
STARTED_WITHIN_S = 10.0


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; `port` 0 takes a free one. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol is named because asyncio sets TCP_NODELAY on connections of such a socket only: without it, 40 ms an answer
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(1024)
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(False)
    return bound


class HttpServer:
    """`with HttpServer(app, bind(host, port)) as server:` - or `start` and `stop`. `forwarded` trusts a proxy's X-Forwarded-* from
    these addresses (comma-separated), for the attempts' limit by address."""

    def __init__(self, app: FastAPI, bound: socket.socket, forwarded: str = "127.0.0.1") -> None:
        self._app, self._socket = app, bound
        self.host, self.port = str(bound.getsockname()[0]), int(bound.getsockname()[1])
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=30,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=forwarded,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._failure: BaseException | None = None
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Returns when requests are answered. Raises RuntimeError with the reason when that fails."""
        self._thread.start()
        waited_s = 0.0
        while not self._server.started:
            if self._ended.wait(0.01) or waited_s > STARTED_WITHIN_S:
                raise RuntimeError(f"the HTTP server did not start on {self.url}: {self._failure or 'no reason given'}")
            waited_s += 0.01

    def stop(self) -> None:
        """End the streams, finish what is running, close. Also when it never started, also twice."""
        self._app.state.door.live.close()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(GRACE_S + 4.0)
        self._socket.close()

    def _run(self) -> None:
        # `Server.run` would install signal handlers only in the main thread; here it is an ordinary loop
        try:
            self._server.run(sockets=[self._socket])
        except (SystemExit, OSError, RuntimeError) as failure:
            self._failure = failure
        finally:
            self._ended.set()

    def __enter__(self) -> HttpServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
