"""Statistics, learning, text and images of python-datascience.txt."""

# mypy: ignore-errors
# ruff: noqa: PLC0415 an image has them, a test's environment has not

from __future__ import annotations


def statsmodels() -> None:
    """Fit a line."""
    import statsmodels.api

    fit = statsmodels.api.OLS([2, 4, 6], statsmodels.api.add_constant([1, 2, 3])).fit()
    assert abs(fit.params[1] - 2) < 1e-9


def patsy() -> None:
    """Read a formula."""
    import patsy

    assert patsy.dmatrix("a", {"a": [1.0, 2.0]}).design_info.column_names == ["Intercept", "a"]


def pingouin() -> None:
    """Test whether two means differ."""
    import pingouin

    assert 0 < pingouin.ttest([1, 2, 3], [4, 5, 7]).iloc[0]["dof"] <= 4


def lifelines() -> None:
    """Estimate survival."""
    from lifelines import KaplanMeierFitter

    assert KaplanMeierFitter().fit([1, 2, 3, 4], [1, 1, 0, 1]).predict(2) == 0.5


def lightgbm() -> None:
    """Learn to tell two groups."""
    from lightgbm import LGBMClassifier

    found = LGBMClassifier(n_estimators=5, min_child_samples=1, verbose=-1, n_jobs=1)
    assert found.fit([[n] for n in range(20)], [n > 9 for n in range(20)]).predict([[0], [19]]).tolist() == [
        False,
        True,
    ]


def imbalanced_learn() -> None:
    """Make groups equally large."""
    from imblearn.over_sampling import RandomOverSampler

    _, groups = RandomOverSampler(random_state=1).fit_resample([[1], [2], [3]], [0, 0, 1])
    assert sorted(groups) == [0, 0, 1, 1]


def joblib() -> None:
    """Compute in processes, and keep a result."""
    import joblib

    assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(n) for n in (-1, -2)) == [1, 2]
    joblib.dump({"a": 42}, "a.joblib")
    assert joblib.load("a.joblib") == {"a": 42}


def optuna() -> None:
    """Find a minimum."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(lambda trial: (trial.suggest_float("x", -5, 5) - 2) ** 2, n_trials=20)
    assert study.best_value < 1


def shap() -> None:
    """Explain a line."""
    import numpy
    import shap
    from sklearn.linear_model import LinearRegression

    data = numpy.array([[1.0], [2.0], [3.0]])
    said = shap.LinearExplainer(LinearRegression().fit(data, [2, 4, 6]), data).shap_values(data)
    assert abs(said[2][0] - 2) < 1e-6


def umap_learn() -> None:
    """Bring points into two dimensions."""
    import numpy
    import umap

    points = numpy.random.default_rng(1).random((20, 5))
    assert umap.UMAP(n_neighbors=5, n_epochs=5, init="random").fit_transform(points).shape == (20, 2)


def hdbscan() -> None:
    """Find groups."""
    import hdbscan
    import numpy

    points = numpy.concatenate([numpy.random.default_rng(n).normal(n * 50, 1, (20, 2)) for n in (0, 1)])
    assert set(hdbscan.HDBSCAN(min_cluster_size=5).fit_predict(points)) >= {0, 1}


def nltk() -> None:
    """Reduce words to their stems, which needs no data."""
    from nltk.stem import PorterStemmer

    assert [PorterStemmer().stem(word) for word in ("cats", "running")] == ["cat", "run"]


def spacy() -> None:
    """Split a sentence, which needs no model."""
    import spacy

    assert [word.text for word in spacy.blank("en")("It isn't.")] == ["It", "is", "n't", "."]


def gensim() -> None:
    """Learn where words stand."""
    from gensim.models import Word2Vec

    model = Word2Vec([["king", "queen"], ["queen", "king"]], vector_size=4, min_count=1, epochs=1, workers=1)
    assert model.wv["king"].shape == (4,)


def beautifulsoup4() -> None:
    """Read a page."""
    from bs4 import BeautifulSoup

    assert BeautifulSoup("<p class=a>42</p>", "html.parser").select_one("p.a").text == "42"


def lxml() -> None:
    """Read XML by a path."""
    from lxml import etree

    assert etree.fromstring("<a><b>42</b></a>").xpath("string(b)") == "42"


def regex() -> None:
    """Find what re does not know: a letter by its script."""
    import regex

    assert regex.findall(r"\p{Greek}", "aα") == ["α"]


def pillow() -> None:
    """Change the size of a picture."""
    from PIL import Image

    Image.new("RGB", (8, 8), "red").resize((4, 4)).save("g.png")
    assert Image.open("g.png").size == (4, 4)


def scikit_image() -> None:
    """Count what is bright."""
    import numpy
    from skimage import measure

    assert measure.label(numpy.array([[1, 0, 1]])).max() == 2


def imageio() -> None:
    """Write a picture and read it."""
    import imageio.v3
    import numpy

    imageio.v3.imwrite("h.png", numpy.zeros((4, 4, 3), "uint8"))
    assert imageio.v3.imread("h.png").shape == (4, 4, 3)


def opencv_python_headless() -> None:
    """Find edges."""
    import cv2
    import numpy

    picture = numpy.zeros((20, 20), "uint8")
    picture[:, 10:] = 255
    assert cv2.Canny(picture, 50, 150).any()
