"""Notebooks: what their cells install in each of the ways that IPython, R and Python have, and nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from melda.envs import document, formats
from melda.envs.errors import UsageError

from tests.unit.melda.envs.test_corpus import listed, planned


def notebook(*cells: Any, **metadata: Any) -> str:
    code = [
        one if isinstance(one, dict) else {"cell_type": "code", "metadata": {}, "outputs": [], "source": one}
        for one in cells
    ]
    return json.dumps({"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


CELLS = [
    ("%%R\ninstall.packages(c('zoo',\n  'xts'))\nlibrary(no)", "zoo xts", ""),
    ("%R install.packages('zoo')", "zoo", ""),
    ("%%bash\npip install zebra && \\\n  pip install okapi", "zebra okapi", ""),
    ("\n%%sh\nfor p in zebra okapi; do pip install $p; done", "zebra okapi", ""),
    ("%%script bash\npip install zebra", "zebra", ""),
    ("%%!\npip install zebra", "zebra", ""),
    ("%sx pip install zebra\n%system pip install okapi", "zebra okapi", ""),
    ("out = !pip install zebra\nres = %sx pip install okapi", "zebra okapi", ""),
    ("if True: !pip install zebra\n", "", "pip install"),
    ("try:\n    import x\nexcept ImportError:\n    !pip install zebra\n    %pip install okapi", "zebra okapi", ""),
    ("import os\nos.system('pip install zebra')\nos.popen(\"pip install okapi\").read()", "zebra okapi", ""),
    ("get_ipython().system('pip install zebra')", "zebra", ""),
    ("get_ipython().run_line_magic('pip', 'install zebra')", "zebra", ""),
    ("get_ipython().run_cell_magic('capture', '', '!pip install zebra\\n')", "zebra", ""),
    ("get_ipython().run_cell_magic('bash', '', 'pip install zebra\\n')", "zebra", ""),
    ("subprocess.run([sys.executable, '-m', 'pip', 'install', 'zebra', 'okapi>=1'])", "zebra okapi", ""),
    ("subprocess.check_call('pip install zebra', shell=True)", "zebra", ""),
    ("def add(p):\n  check_call([sys.executable, '-m', 'pip', 'install', p])\nadd('zebra')\nadd('okapi')", "zebra okapi", ""),
    ("for p in ['zebra', 'okapi']:\n    !pip install {p}", "zebra okapi", ""),
    ("V = '1.5'\n!pip install zebra=={V} okapi==$V ibex=={W}", "zebra okapi", "ibex"),
    ("!pip install {unknown}", "", "{unknown}"),
    ("!pip install {' '.join(missing)} -q\n!pip install {'no -U' if stable else 'no'}", "", "{...}"),
    ("more = ['zebra', 'okapi']\n!pip install {' '.join(more)}", "zebra okapi", ""),
    ("!cat `find / -name requirements.txt` | xargs -n 1 pip install", "", "pip install"),
    ("run([str(python_exe), '-m', 'pip', 'install', 'zebra'])\ncall([pip_path, 'install', 'okapi'])", "zebra okapi", ""),
    ("#!pip install no\ns = '''\n!pip install no\n'''\nprint('pip install no')\n!pip install zebra", "zebra", ""),
    ("!mamba env update -f x.yml", "", "mamba env update"),
    ("!pip install zebra \\\n   okapi\n%pip install ibex \\\n  lynx", "zebra okapi ibex lynx", ""),
    ("%%capture\n!pip install zebra\n%conda install -y okapi", "zebra okapi", ""),
    ("%%time\nos.system('pip install zebra')\n%time !pip install okapi", "zebra okapi", ""),
    ("%%writefile setup.sh\npip install no", "", ""),
    ("%%foo\npip install no", "", "pip install"),
    ("?pip\npip?\n%pip?\npip install zebra", "zebra", ""),
    ("!{sys.executable} -m pip install zebra\n!\"{sys.executable}\" -m pip install okapi", "zebra okapi", ""),
    ("await micropip.install('zebra')", "zebra", ""),
    ("from pip._internal import main\nmain(['install', 'zebra'])", "zebra", ""),
    ("main(['install', 'no'])", "", ""),
    ("utils.install_packages(StrVector(('zoo', 'xts')))\nrobjects.r('install.packages(\"abind\")')", "zoo xts abind", ""),
    ("!R -e \"install.packages('zoo')\"", "zoo", ""),
    ("print 'of Python 2'\nos.system('pip install zebra')\n  wrong(\n!pip install okapi", "zebra okapi", ""),
    (["!pip install zebra\n", "!pip install okapi"], "zebra okapi", ""),
    ({"cell_type": "markdown", "source": "!pip install no"}, "", ""),
    ({"cell_type": "code", "source": "!pip install zebra", "outputs": [{"text": "pip install no"}]}, "zebra", ""),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "plans", "lists"), CELLS, ids=[str(one[0])[:50] for one in CELLS])
def test_a_cell(cell: Any, plans: str, lists: str) -> None:
    found = formats.parse(notebook(cell, "!pip install good"), "x.ipynb")
    assert planned(found) == {"good", *plans.split()}
    assert listed(found) == ({lists} if lists else set())


def test_a_kernel_of_r() -> None:
    cells = ("install.packages(c('zoo'))\nsystem('pip install zebra')\nmore <- c('xts')", "install.packages(more)\n")
    found = formats.parse(notebook(*cells, kernelspec={"name": "ir", "language": "R"}), "x.ipynb")
    assert planned(found) == {"zoo", "xts", "zebra"} and not listed(found)


def test_a_notebook_of_format_3() -> None:
    cells = [
        {"cell_type": "code", "input": ["!pip install zebra\n", "x"]},
        {"cell_type": "code", "input": "%%bash\npip install okapi"},
    ]
    found = formats.parse(json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}), "x.ipynb")
    assert planned(found) == {"zebra", "okapi"}


def test_what_is_not_read_is_told_with_its_cell_and_line() -> None:
    found = formats.parse(
        notebook({"cell_type": "markdown", "source": "x"}, "x = 1\n\n!conda env create -f x.yml"), "x.ipynb"
    )
    assert [one["reason"] for one in found[document.PROBLEMS]] == [
        "cell 2, line 3: what it installs stands in a file: hand that one to melda-env restore"
    ]


def test_a_token_is_never_put_into_a_command() -> None:
    cell = "token = 'hunter2'\n!pip install git+https://{token}@github.com/team/zebra.git $token\n"
    cell += "!pip install -i https://u:{token}@h.example okapi\nrun(['pip', 'install', token])\nos.system(f'pip install {token}')"
    found = formats.parse(notebook(cell), "x.ipynb")
    assert planned(found) == {"zebra", "okapi"} and "hunter2" not in json.dumps(found)


def test_a_notebook_that_installs_nothing() -> None:
    with pytest.raises(UsageError, match="a notebook without a line that installs packages"):
        formats.parse(notebook("import zebra", "print('pip install no')"), "x.ipynb")


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code", "source": "x", "outputs": [{"text": ["pip install no\n"] * 300_000}]},
        "'" * 50_000,
        "(" * 50_000,
        "!pip install " + "{a}" * 20_000,
        "%%bash\n" + "for p in a; do\n" * 5000,
        "x = '''\n" * 20_001,
        "%%R\n" + "c((" * 20_000,
        "%%R\n" + "install.packages('x\n" * 3000,
        "%%R\n" + "install.packages(\n" * 3000,
        "%%bash\n" + "cat <<A\n" * 5000,
        "%%bash\n" + "x=$x$x\npip install $x\n" * 1000,
        "".join(f"a{at} = [{', '.join([f'a{at + 1}'] * 300)}]\n" for at in range(9)) + "!pip install {a0}",
        "%%bash\n" + "".join(f"a{at}={f'$a{at + 1}' * 300}\n" for at in range(9)) + "pip install $a0",
        "%%R\n"
        + "".join(f"a{at} <- c({', '.join([f'a{at + 1}'] * 300)})\n" for at in range(9))
        + "install.packages(a0)",
        "a = b\n" * 3000 + "!pip install {a}\n" * 1000,
    ],
    ids=lambda cell: str(cell)[:30],
)
def test_long_cells_take_no_time(cell: Any) -> None:
    before = time.process_time()
    assert planned(formats.parse(notebook(cell, "!pip install good"), "x.ipynb")) >= {"good"}
    assert time.process_time() - before < 3
