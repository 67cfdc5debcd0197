"""melda/base/textfiles.py: one block in somebody else's file, whatever else is in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from melda.base.textfiles import set_block

BEGIN, END = "# BEGIN ours", "# END ours"
# Lines as files of others have them: odd ones, and the markers of another block.
LINE = st.one_of(
    st.sampled_from(["", " ", "x = 1", "# BEGIN theirs", "# END theirs", "# BEGIN ours ", "x\r", "a\x0cb", "a\u2028b", "\udce9"]),
    st.text(st.characters(exclude_characters="\n"), max_size=8),
).filter(lambda line: line.rstrip("\r") not in (BEGIN, END))  # fmt: skip
LINES = st.lists(LINE, max_size=8)
CONTENT = st.lists(LINE.filter(str.strip), min_size=1, max_size=3).map("\n".join)


def text_of(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def lines_of(text: str) -> list[str]:
    assert text == "" or text.endswith("\n")
    return text.split("\n")[:-1]


@given(LINES, CONTENT)
def test_added_at_the_end(lines: list[str], content: str) -> None:
    assert set_block(text_of(lines), "ours", content) == text_of([*lines, BEGIN, *content.split("\n"), END])


@given(LINES, LINES, CONTENT, CONTENT)
def test_replaced_at_its_place(before: list[str], after: list[str], old: str, new: str) -> None:
    text = text_of([*before, BEGIN, *old.split("\n"), END, *after])
    assert set_block(text, "ours", new) == text_of([*before, BEGIN, *new.split("\n"), END, *after])


@given(LINES, LINES, CONTENT)
def test_removed_without_a_trace(before: list[str], after: list[str], old: str) -> None:
    text = text_of([*before, BEGIN, *old.split("\n"), END, *after])
    assert set_block(text, "ours", "") == text_of(before + after)


@given(st.lists(st.one_of(LINE, st.sampled_from([BEGIN, END])), max_size=12), CONTENT)
def test_whatever_is_there_exactly_one_block_and_again_no_change(lines: list[str], content: str) -> None:
    once = set_block(text_of(lines), "ours", content)
    found = lines_of(once)
    assert found.count(BEGIN) == found.count(END) == 1
    assert found[found.index(BEGIN) + 1 : found.index(END)] == content.split("\n")
    assert set_block(once, "ours", content) == once
    gone = set_block(once, "ours", "")
    assert BEGIN not in lines_of(gone) and END not in lines_of(gone)
    assert set_block(gone, "ours", "") == gone


@given(LINES, LINES, CONTENT)
def test_a_block_that_lost_its_end_swallows_nothing(before: list[str], after: list[str], content: str) -> None:
    found = lines_of(set_block(text_of([*before, BEGIN, *after]), "ours", content))
    assert [*found[: found.index(BEGIN)], *found[found.index(END) + 1 :]] == before + after


@given(LINES, LINES, LINES, CONTENT)
def test_nor_does_one_that_another_follows(a: list[str], b: list[str], c: list[str], content: str) -> None:
    found = lines_of(set_block(text_of([*a, BEGIN, *b, BEGIN, "old", END, *c]), "ours", content))
    assert [*found[: found.index(BEGIN)], *found[found.index(END) + 1 :]] == a + b + c


@given(LINES)
def test_nothing_wanted_and_nothing_there(lines: list[str]) -> None:
    assert set_block(text_of(lines), "ours", "") == text_of(lines)


def test_a_missing_line_end_is_put_before_the_block() -> None:
    assert set_block("x", "ours", "y") == f"x\n{BEGIN}\ny\n{END}\n"


def test_another_comment_character() -> None:
    assert set_block("", "ours", "y", comment=";") == "; BEGIN ours\ny\n; END ours\n"


@given(LINES, LINES, CONTENT)
def test_a_block_whose_lines_somebody_ended_as_in_windows_is_the_same_block(
    before: list[str], after: list[str], old: str
) -> None:
    """A key that was taken back stayed in authorized_keys, in a block that nobody knew again."""
    text = text_of([f"{line}\r" for line in (*before, BEGIN, *old.split("\n"), END, *after)])
    assert set_block(text, "ours", "") == text_of([f"{line}\r" for line in (*before, *after)])
