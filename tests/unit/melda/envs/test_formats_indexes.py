"""Which index a file asks for, what limits versions, and how often a lock's packages are looked at."""

from __future__ import annotations

import pytest
from melda.envs import formats

SHA = "0" * 64


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile.lock", '{"_meta": {"sources": [{"name": "mine", "url": "https://i.example/s"}]}, "default": {"zebra": '
         '{"version": "==1.0", "index": "mine"}}}'),
        ("pylock.toml", 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "zebra"\nversion = "1.0"\nindex = '
         f'"https://i.example/s"\nsdist = {{url = "https://i.example/zebra-1.0.tar.gz", hashes = {{sha256 = "{SHA}"}}}}'),
        ("Pipfile", '[[source]]\nname = "mine"\nurl = "https://i.example/s"\n[packages]\nzebra = {index = "mine"}'),
        ("pyproject.toml", '[tool.poetry.dependencies]\nzebra = {version = "^1", source = "mine"}\n[[tool.poetry.source]]\n'
         'name = "mine"\nurl = "https://i.example/s"'),
        ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["Zebra"]\n[[tool.uv.index]]\nname = "mine"\n'
         'url = "https://i.example/s"\n[tool.uv.sources]\nzebra = {index = "mine"}'),
        ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["zebra"]\n[tool.uv.sources]\n'
         'zebra = [{index = "https://i.example/s", marker = "sys_platform == \'linux\'"}]'),
        ("environment.yml", "dependencies:\n  - https://i.example/s::zebra=1.0"),
    ],
)  # fmt: skip
def test_another_index_is_said(name: str, text: str) -> None:
    assert any("https://i.example/s is not asked" in one for one in formats.parse(text, name)[formats.NOTES])


def test_an_index_that_is_pypi_is_not_said() -> None:
    text = '[tool.poetry.dependencies]\nzebra = {version = "^1", source = "PyPI"}'
    assert "not asked" not in str(formats.parse(text, "pyproject.toml"))
    for channel in ("conda-forge", "defaults", "bioconda", "pytorch"):
        found = formats.parse(f"dependencies:\n  - {channel}::zebra=1.0", "environment.yml")
        assert "not asked" not in str(found)


def test_uvs_limits_are_limits() -> None:
    text = '[project]\nname = "x"\ndependencies = ["zebra"]\n[tool.uv]\nconstraint-dependencies = ["numpy<2"]'
    wants = formats.parse(text, "pyproject.toml")[formats.WANTS]
    assert (wants["constraints"], wants["requirements"]) == (["numpy<2"], ["zebra"])


def test_a_package_that_a_lock_has_often_is_looked_at_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(formats.locks, "_for_this_python", lambda package: asked.append(package) or True)
    text = "".join(f'[[package]]\nname = "zebra"\nversion = "1.{one}"\n' for one in range(50))
    found = formats.parse(text + '[metadata]\nlock-version = "1.1"', "poetry.lock")
    assert [one["version"] for one in found["python"]["packages"]] == ["1.49"]
    assert len(asked) == 50
