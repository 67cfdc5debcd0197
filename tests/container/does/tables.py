"""Tables, arrays and plots of python-datascience.txt."""

# mypy: ignore-errors
# ruff: noqa: PLC0415 an image has them, a test's environment has not

from __future__ import annotations

from . import PNG, starts


def pyarrow() -> None:
    """Write parquet and read it."""
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": [1, 2]}), "a.parquet")
    assert parquet.read_table("a.parquet")["a"].to_pylist() == [1, 2]


def polars() -> None:
    """Group a table, lazily."""
    import polars

    lazy = polars.LazyFrame({"g": ["a", "a", "b"], "v": [1, 2, 3]})
    assert lazy.group_by("g").agg(polars.col("v").sum()).sort("g").collect()["v"].to_list() == [3, 3]


def dask() -> None:
    """Add up an array in parts."""
    import dask.array

    assert dask.array.ones((100, 100), chunks=(10, 100)).sum().compute() == 10000


def distributed() -> None:
    """Compute in a process of its own."""
    from distributed import Client

    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        assert client.submit(sum, [20, 22]).result(timeout=60) == 42


def xarray() -> None:
    """Take a mean over a named dimension."""
    import xarray

    assert xarray.DataArray([[1.0, 3.0]], dims=("x", "y")).mean("y").item() == 2


def numexpr() -> None:
    """Evaluate an expression."""
    import numexpr
    import numpy

    assert numexpr.evaluate("2 * a + 1", {"a": numpy.arange(3)}).tolist() == [1, 3, 5]


def bottleneck() -> None:
    """Take a moving mean."""
    import bottleneck

    assert bottleneck.move_mean([1.0, 3.0, 5.0], 2)[1:].tolist() == [2, 4]


def tables() -> None:
    """Write a table of pandas as HDF5 and read it."""
    import pandas

    pandas.DataFrame({"a": [1, 2]}).to_hdf("a.h5", key="a")
    assert pandas.read_hdf("a.h5")["a"].sum() == 3


def h5py() -> None:
    """Write a data set and read it."""
    import h5py

    with h5py.File("b.h5", "w") as file:
        file["a"] = [1, 2]
    with h5py.File("b.h5") as file:
        assert file["a"][:].sum() == 3


def seaborn() -> None:
    """Draw."""
    import pandas
    import seaborn

    seaborn.scatterplot(pandas.DataFrame({"x": [1, 2], "y": [1, 2]}), x="x", y="y").figure.savefig("d.png")
    assert starts("d.png", PNG)


def plotly() -> None:
    """Write a page with a chart, and what a notebook shows."""
    import plotly.express

    figure = plotly.express.scatter(x=[1, 2], y=[3, 4], title="melda")
    figure.write_html("plotly.html")
    with open("plotly.html") as stream:
        assert "melda" in stream.read()
    assert figure.to_dict()["layout"]["title"]["text"] == "melda"


def bokeh() -> None:
    """Write a page with a chart."""
    from bokeh.embed import file_html
    from bokeh.plotting import figure

    chart = figure(title="melda")
    chart.line([1, 2], [3, 4])
    assert "melda" in file_html(chart, "inline")


def altair() -> None:
    """Describe a chart."""
    import altair
    import pandas

    chart = altair.Chart(pandas.DataFrame({"a": [1, 2]})).mark_bar().encode(x="a:Q")
    assert chart.to_dict()["encoding"]["x"]["field"] == "a"


def vl_convert_python() -> None:
    """Draw a chart of altair's, without a browser."""
    import altair
    import pandas

    altair.Chart(pandas.DataFrame({"a": [1, 2]})).mark_point().encode(x="a").save("b.png")
    assert starts("b.png", PNG)


def ipywidgets() -> None:
    """Call a function when a slider moves."""
    import ipywidgets

    seen = []
    slider = ipywidgets.IntSlider(max=50)
    slider.observe(lambda change: seen.append(change.new), "value")
    slider.value = 42
    assert seen == [42]


def ipympl() -> None:
    """Draw on its canvas."""
    import ipympl.backend_nbagg
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    ipympl.backend_nbagg.Canvas(figure).print_png("e.png")
    assert starts("e.png", PNG)


def wordcloud() -> None:
    """Draw words."""
    import wordcloud

    wordcloud.WordCloud(width=80, height=40).generate("one two two").to_file("f.png")
    assert starts("f.png", PNG)


def graphviz() -> None:
    """Draw a graph, by dot."""
    import graphviz

    assert graphviz.Source("digraph { a -> b }").pipe("png").startswith(PNG)
