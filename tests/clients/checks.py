"""Counting for the Python clients: a check is a function; its name is what it checks."""

import sys
import traceback


class Checks:
    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def __call__(self, function):
        """Runs the check at once."""
        title = function.__name__.replace("_", " ")
        try:
            function()
        except Exception:  # noqa: BLE001 - whatever it was, it is a failed check
            self.failed += 1
            print(f"FAILED {title}")
            traceback.print_exc(limit=4, file=sys.stdout)
        else:
            self.passed += 1
            print(f"ok     {title}")
        return function

    def close(self):
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)


def same(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def refused(kind, code, call):
    """Calls, and demands the exception `kind` with the error code `code` of RFC 6749."""
    try:
        result = call()
    except kind as error:
        same(getattr(error, "error", None), code)
        return error
    raise AssertionError(f"not refused: {result!r}")
