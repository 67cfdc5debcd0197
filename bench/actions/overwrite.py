"""Overwrite 50 files."""


def act() -> None:
    for number in range(50):
        with open(f"files/{number}.csv", "w") as stream:
            stream.write("4,5,6\n" * 200)
