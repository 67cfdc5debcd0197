"""Maps, numbers, data bases, files, storage and tools of python-datascience.txt."""

# mypy: ignore-errors
# ruff: noqa: PLC0415 an image has them, a test's environment has not

from __future__ import annotations

import contextlib
import os
import sys

from . import PNG, starts


def geopandas() -> None:
    """Write a map and read it, in another projection."""
    import geopandas
    from shapely.geometry import Point

    geopandas.GeoDataFrame({"a": [1]}, geometry=[Point(13.4, 52.5)], crs=4326).to_file("map.gpkg")
    assert abs(geopandas.read_file("map.gpkg").to_crs(3857).geometry[0].x - 1491681) < 1


def shapely() -> None:
    """Measure a circle."""
    from shapely.geometry import Point

    assert abs(Point(0, 0).buffer(1).area - 3.14) < 0.01


def pyproj() -> None:
    """Project a point."""
    import pyproj

    found = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(13.4, 52.5)
    assert abs(found[0] - 1491681) < 1


def mapclassify() -> None:
    """Colour a map by classes."""
    import geopandas
    from shapely.geometry import Point

    frame = geopandas.GeoDataFrame({"v": [1, 2, 3, 9]}, geometry=[Point(n, n) for n in range(4)])
    frame.plot(column="v", scheme="quantiles", k=2).figure.savefig("c.png")
    assert starts("c.png", PNG)


def folium() -> None:
    """Write a page with a map."""
    import folium

    chart = folium.Map((52.5, 13.4))
    folium.Marker((52.5, 13.42)).add_to(chart)
    chart.save("folium.html")
    with open("folium.html") as stream:
        assert "13.42" in stream.read()


def networkx() -> None:
    """Find a way."""
    import networkx

    assert networkx.shortest_path(networkx.path_graph(4), 0, 3) == [0, 1, 2, 3]


def sympy() -> None:
    """Integrate."""
    import sympy

    x = sympy.Symbol("x")
    assert sympy.integrate(2 * x, x) == x**2


def numba() -> None:
    """Compile."""
    import numba

    @numba.njit
    def add(n):
        total = 0
        for i in range(n):
            total += i
        return total

    assert add(10) == 45


def mpmath() -> None:
    """Know pi better than a float."""
    import mpmath

    with mpmath.workdps(30):
        assert str(mpmath.pi).startswith("3.1415926535897932384626")


def sqlalchemy() -> None:
    """Ask a data base."""
    import sqlalchemy

    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        assert connection.execute(sqlalchemy.text("select 6 * 7")).scalar() == 42


def psycopg2_binary() -> None:
    """Look for a server where there is none: what libpq says of it."""
    import psycopg2

    try:
        psycopg2.connect("host=127.0.0.1 port=1 connect_timeout=5")
    except psycopg2.OperationalError as error:
        assert "refused" in str(error)  # noqa: PT017 an image has no pytest without its list
    else:
        raise AssertionError


def pymysql() -> None:
    """Look for a server where there is none."""
    import pymysql

    try:
        pymysql.connect(host="127.0.0.1", port=1, connect_timeout=5)
    except pymysql.err.OperationalError as error:
        assert "refused" in str(error)  # noqa: PT017 as above
    else:
        raise AssertionError


def duckdb() -> None:
    """Ask a table of pandas."""
    import duckdb
    import pandas

    frame = pandas.DataFrame({"a": [1, 2]})
    assert duckdb.sql("select sum(a) from frame").fetchall() == [(3,)], frame


def xlrd() -> None:
    """Refuse what is no sheet of old Excel; there is nothing to write one with."""
    import xlrd

    try:
        xlrd.open_workbook(file_contents=b"none")
    except xlrd.XLRDError as error:
        assert "Expected BOF record" in str(error)  # noqa: PT017 as above
    else:
        raise AssertionError


def fastexcel() -> None:
    """Read what polars writes."""
    import polars

    polars.DataFrame({"a": [1, 2]}).write_excel("b.xlsx")
    assert polars.read_excel("b.xlsx")["a"].sum() == 3


def xlsxwriter() -> None:
    """Write a sheet."""
    import xlsxwriter

    with xlsxwriter.Workbook("c.xlsx") as book:
        book.add_worksheet().write(0, 0, 42)
    assert starts("c.xlsx", b"PK")


def pyyaml() -> None:
    """Write and read."""
    import yaml

    assert yaml.safe_load(yaml.safe_dump({"a": [1, 2]})) == {"a": [1, 2]}


def toml() -> None:
    """Write and read."""
    import toml

    assert toml.loads(toml.dumps({"a": {"b": 1}})) == {"a": {"b": 1}}


def boto3() -> None:
    """Sign an address."""
    import boto3

    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    assert "Signature=" in client.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"})


def s3fs() -> None:
    """Take an address apart, without a service."""
    import s3fs

    assert s3fs.S3FileSystem(anon=True).split_path("s3://bucket/a/b")[:2] == ("bucket", "a/b")


def fsspec() -> None:
    """Write to a file system in memory, and read."""
    import fsspec

    with fsspec.open("memory://a", "w") as stream:
        stream.write("42")
    with fsspec.open("memory://a") as stream:
        assert stream.read() == b"42"


def tqdm() -> None:
    """Show a bar."""
    import io

    import tqdm

    shown = io.StringIO()
    assert list(tqdm.tqdm(range(3), file=shown)) == [0, 1, 2]
    assert "100%" in shown.getvalue()


def rich() -> None:
    """Show a table."""
    import io

    from rich.console import Console
    from rich.table import Table

    table = Table("name")
    table.add_row("melda")
    shown = io.StringIO()
    Console(file=shown).print(table)
    assert "melda" in shown.getvalue()


def click() -> None:
    """Run a command."""
    import click
    from click.testing import CliRunner

    @click.command()
    @click.option("--times", type=int)
    def say(times: int) -> None:
        click.echo(6 * times)

    assert CliRunner().invoke(say, ["--times", "7"]).output == "42\n"


def pytest() -> None:
    """Run a test, and see it fail."""
    import pytest

    with open("test_a.py", "w") as stream:
        stream.write("def test_right():\n    pass\ndef test_wrong():\n    assert 1 == 2\n")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        assert pytest.main(["-q", "-p", "no:cacheprovider", "test_a.py"]) == 1


def black() -> None:
    """Format."""
    import black

    assert black.format_str("x = {'a':1}", mode=black.Mode()) == 'x = {"a": 1}\n'


def cython() -> None:
    """Compile to C, and that by gcc."""
    import subprocess
    import sysconfig

    with open("fast.pyx", "w") as stream:
        stream.write("def double(int n):\n    return 2 * n\n")
    subprocess.run([sys.executable, "-m", "cython", "-3", "fast.pyx"], check=True)
    command = ["gcc", "-shared", "-fPIC", "-I", sysconfig.get_path("include"), "fast.c", "-o", "fast.so"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    sys.path.insert(0, os.getcwd())
    import fast

    assert fast.double(21) == 42
