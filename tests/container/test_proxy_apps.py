"""Shiny, Streamlit and Dash as docs/notebook.md starts them, used in a browser: page, WebSocket, and what a click causes.

The browser comes by a name that the container does not know, as through any load balancer.
"""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from builder import host

from .chromium import Browser, browser  # noqa: F401
from .machines import ROOT, until
from .services import Service

CA = "/etc/ssl/certs/of-the-build-host.crt"
NAME = "notebooks.localhost"  # leads to the browser's own computer (RFC 6761, 6.3)
SHINY = """
library(shiny)
ui <- fluidPage(h1("shiny is here"), actionButton("go", "Count"), textOutput("out"))
server <- function(input, output) output$out <- renderText(paste("counted to", input$go + 41))
shinyApp(ui, server)
"""
STREAMLIT = """
import streamlit as st
st.title("streamlit is here")
st.write("counted to", 42 if st.button("Count") else 41)
"""
DASH = """
from dash import Dash, Input, Output, html
app = Dash(__name__)
app.layout = html.Div([html.H1("dash is here"), html.Button("Count", id="go", n_clicks=0), html.Div(id="out")])
@app.callback(Output("out", "children"), Input("go", "n_clicks"))
def count(clicks):
    return f"counted to {41 + clicks}"
app.run(port=8050)
"""


class App(NamedTuple):
    """A framework: the file of an app, its code, and what to install."""

    file: str
    code: str
    packages: str = ""


APPS = {
    "Shiny": App("shiny/app.R", SHINY),
    "Streamlit": App("app.py", STREAMLIT, "streamlit"),
    "Dash": App("app.py", DASH, "dash"),
}


def command(framework: str) -> tuple[str, str]:
    """What the docs say of a framework: the command, and the path to open."""
    rows = (ROOT / "docs" / "notebook.md").read_text()
    found = re.search(rf"^\| {framework}[^|]* \| `([^`]+)` \| `([^`]+)` \|$", rows, re.MULTILINE)
    assert found
    return found[1], found[2]


@pytest.fixture(scope="module")
def behind(docker: str, image: str) -> Iterator[Service]:
    """A container below a path, whose port this computer publishes."""
    options = ("--publish", "127.0.0.1::8888", "--volume", f"{host.ca_bundle()}:{CA}:ro", "--env", f"PIP_CERT={CA}")
    service = Service(docker, image, options, JUPYTER_BASE_URL="/user/ada")
    try:
        yield service.ready()
    finally:
        service.remove()


@pytest.mark.parametrize(
    "framework", ["Shiny", *(pytest.param(name, marks=pytest.mark.full) for name in ("Streamlit", "Dash"))]
)
def test_an_app_in_a_browser(behind: Service, browser: Browser, framework: str) -> None:
    app, (start, path) = APPS[framework], command(framework)
    port = behind.inspect('{{(index (index .NetworkSettings.Ports "8888/tcp") 0).HostPort}}')
    folder = f"/home/melda/project/{framework.lower()}"
    terminal = behind.notebook
    terminal.url += "/user/ada"
    script = f"mkdir -p {folder}/shiny && cd {folder} && cat >{app.file} <<'END'\n{app.code}\nEND\n"
    if app.packages:
        script += f"pip install -q --disable-pip-version-check {app.packages}\n"
    script += f"nohup env {start} >log 2>&1 &"
    with terminal.start("python3") as kernel:  # as in a terminal of Jupyter's, with its environment
        ran = kernel.run(
            f"import subprocess; subprocess.run({script!r}, shell=True, check=True, executable='/bin/bash')"
        )
        assert ran.status == "ok", ran.error
        page = browser(f"http://{NAME}:{port}/user/ada/tree?token={behind.token}")
        address = f"http://{NAME}:{port}/user/ada{path}"

        def shown() -> bool:
            page.goto(address)
            text = page.inner_text("body")
            return "Could not connect" not in text and "500" not in text

        until(shown, "the app listens", 60)
        page.get_by_text(f"{framework.lower()} is here").wait_for()
        page.get_by_text("counted to 41").wait_for()
        page.get_by_role("button", name="Count").click()
        page.get_by_text("counted to 42").wait_for()
