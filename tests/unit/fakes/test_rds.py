from __future__ import annotations

import gzip

import pytest

from tests.fakes import rds


@pytest.mark.parametrize(
    "value, written",
    [
        # saveRDS(c(n = "y"), version = 2) of R 4.2.2
        pytest.param(
            {"n": "y"},
            "00000210 00000001 00040009 00000001 79"
            "00000402 00000001 00040009 00000005 6e616d6573 00000010 00000001 00040009 00000001 6e 000000fe",
            id="named vector",
        ),
        # saveRDS(list(a = "x", c = list()), version = 2)
        pytest.param(
            {"a": ["x"], "c": {}},
            "00000213 00000002 00000010 00000001 00040009 00000001 78 00000013 00000000"
            "00000402 00000001 00040009 00000005 6e616d6573"
            "00000010 00000002 00040009 00000001 61 00040009 00000001 63 000000fe",
            id="named list",
        ),
        # saveRDS("\u00e9", version = 2)
        pytest.param("\u00e9", "00000010 00000001 00008009 00000002 c3a9", id="UTF-8"),
    ],
)
def test_it_is_byte_for_byte_what_r_writes(value: rds.Value, written: str) -> None:
    raw = gzip.decompress(rds.dump(value))
    assert raw[:2] == b"X\n"
    assert raw[14:] == bytes.fromhex(written)


def test_the_same_value_gives_the_same_bytes_at_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = rds.dump({"a": "x"})
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert rds.dump({"a": "x"}) == now
