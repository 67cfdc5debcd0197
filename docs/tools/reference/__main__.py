"""``python -m docs.tools.reference``: what ``make reference`` calls."""

from docs.tools.reference import filled, pages

for page in pages():
    before = page.read_text()
    after = filled(before)
    if after != before:
        page.write_text(after)
        print(page)
