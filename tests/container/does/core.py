"""What python-core.txt has."""

# mypy: ignore-errors
# ruff: noqa: PLC0415 an image has them, a test's environment has not

from __future__ import annotations

from . import PNG, starts


def numpy() -> None:
    """Multiply matrices."""
    import numpy

    assert (numpy.eye(2) @ [[1.0, 2.0], [3.0, 4.0]]).sum() == 10


def pandas() -> None:
    """Group a table."""
    import pandas

    assert pandas.DataFrame({"g": list("aab"), "v": [1, 2, 3]}).groupby("g").v.sum().tolist() == [3, 3]


def matplotlib() -> None:
    """Draw."""
    import matplotlib.pyplot as plt

    plt.plot([1, 2]).pop().figure.savefig("a.png")
    assert starts("a.png", PNG)


def scipy() -> None:
    """Find a minimum."""
    from scipy.optimize import minimize_scalar

    assert abs(minimize_scalar(lambda x: (x - 2) ** 2).x - 2) < 1e-6


def scikit_learn() -> None:
    """Fit a line."""
    from sklearn.linear_model import LinearRegression

    assert abs(LinearRegression().fit([[1], [2]], [2, 4]).predict([[3]])[0] - 6) < 1e-9


def requests() -> None:
    """Get a page, of a server in this process."""
    import http.server
    import threading

    import requests

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"a": 42}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        session = requests.Session()
        session.trust_env = False
        assert session.get(f"http://127.0.0.1:{server.server_port}", timeout=10).json() == {"a": 42}


def openpyxl() -> None:
    """Write a sheet and read it."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"] = 42
    book.save("a.xlsx")
    assert openpyxl.load_workbook("a.xlsx").active["A1"].value == 42


def weasyprint() -> None:
    """Make a page."""
    import weasyprint

    weasyprint.HTML(string="<p>a").write_pdf("a.pdf")
    assert starts("a.pdf", b"%PDF-")
