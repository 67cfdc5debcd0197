"""Read 50 files."""


def act() -> None:
    for number in range(50):
        with open(f"files/{number}.csv") as stream:
            assert stream.read() == "4,5,6\n" * 200
