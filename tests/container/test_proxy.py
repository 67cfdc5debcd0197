"""What the user serves in the container is shown below /proxy/PORT/, to whom Jupyter lets in, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import requests
import websocket

from .machines import until
from .pages import EVIL, ask, socket
from .services import Service

PORT = 8050
# The last two are 2310 and 22 for a C library that takes them modulo 65536.
CLOSED = ("2310", "8888", "22", "absolute/2310", "67846", "absolute/65558")
# Says what it is asked, and echoes on a WebSocket: with Jupyter's own Python, as apps from the curated lists would.
APP = """
from tornado import ioloop, web, websocket
class Echo(websocket.WebSocketHandler):
    def on_message(self, message): self.write_message('echo ' + message)
class Page(web.RequestHandler):
    def get(self): self.write({'uri': self.request.uri, 'headers': dict(self.request.headers)})
    post = get
web.Application([('/ws', Echo), ('/.*', Page)]).listen(%d, '127.0.0.1')
ioloop.IOLoop.current().start()
"""


def test_an_app_of_the_users_is_shown_to_whom_jupyter_lets_in(serve: Callable[..., Service]) -> None:
    service = serve(JUPYTER_BASE_URL="/team/").ready()
    notebook, base = service.notebook, "/team"
    service.run(
        f"cat >/tmp/app.py <<'END'\n{APP % PORT}\nEND\n/opt/jupyter/bin/python /tmp/app.py >/dev/null 2>&1 &", "melda"
    )
    path = f"{base}/proxy/{PORT}/page"

    def get(path: str, **headers: str) -> requests.Response:
        return requests.get(notebook.url + path, headers={**notebook.headers, **headers}, timeout=30)

    until(lambda: get(path).ok, "the app answers")
    found = get(
        f"{path}?a=1&token={service.token}&b=2",
        Cookie="username-8888=secret; mine=1; _xsrf=secret",
        Referer=f"{notebook.url}/tree?token={service.token}",
    ).json()
    assert found["uri"] == "/page?a=1&b=2"
    assert found["headers"]["Cookie"] == "mine=1"
    assert service.token not in str(found) and "secret" not in str(found), "Jupyter's credentials are no app's"
    url = notebook.url.replace("http", "ws", 1) + f"{base}/proxy/{PORT}/ws"
    opened = websocket.create_connection(url, timeout=30, header=notebook.headers)
    opened.send("a")
    assert opened.recv() == "echo a"
    opened.close()

    # Without the token, and from pages of others.
    assert ask(service, "GET", path).status_code == 302
    assert ask(service, "POST", path).status_code == 403
    assert ask(service, "GET", path, Origin=EVIL).status_code in (302, 403)
    # With the cookie, which a browser sends for a page on another port too; a wrong token is none.
    session = requests.Session()
    assert session.get(f"{notebook.url}{base}/tree?token={service.token}", timeout=30).ok
    for query in ("", "?token=x"):
        assert session.post(notebook.url + path + query, headers={"Origin": EVIL}, timeout=30).status_code == 403
    assert session.post(notebook.url + path, headers={"Origin": notebook.url}, timeout=30).ok
    assert socket(service, f"{base}/proxy/{PORT}/ws") == 403
    # No other host, and none of the container's own services.
    for other in (f"127.0.0.1:{PORT}", "localhost:2310", "169.254.169.254:80", f"absolute/localhost:{PORT}", *CLOSED):
        assert get(f"{base}/proxy/{other}/").status_code == 403, other
    assert socket(service, f"{base}/proxy/2310/ws", f"Authorization: token {service.token}") == 403
