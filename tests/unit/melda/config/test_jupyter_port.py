"""JUPYTER_PORT is a port that a process that is not root's can have, or what Kubernetes sets by itself."""

from __future__ import annotations

import pytest
from melda.base.errors import ConfigError
from melda.config import jupyter_port


@pytest.mark.parametrize(
    ("value", "port"), [("", 8888), ("8888", 8888), ("1024", 1024), ("65535", 65535), ("9999", 9999)]
)
def test_a_port(value: str, port: int) -> None:
    assert jupyter_port.from_env({jupyter_port.VARIABLE: value}) == port


@pytest.mark.parametrize("value", ["tcp://10.43.0.5:8000", "tcp://[fd00::5]:8000", "udp://jupyter.local:1"])
def test_what_kubernetes_sets_for_a_service_of_that_name_is_none_of_ours(value: str) -> None:
    assert jupyter_port.from_env({jupyter_port.VARIABLE: value}) == 8888
    assert jupyter_port.from_env({}) == 8888


@pytest.mark.parametrize("value", ["0", "22", "80", "1023", "2310", "65536", "99999", "08888", " 8888", "8888\n", "x",
                                   "-1", "٨٨٨٨", "http://h:8888", "tcp://a b:1"])  # fmt: skip
def test_what_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^invalid JUPYTER_PORT='.*': expected a port, 1024 to 65535 and not 2310$"):
        jupyter_port.from_env({jupyter_port.VARIABLE: value})
