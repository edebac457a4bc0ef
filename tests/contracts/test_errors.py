"""Every kind of error that the sources raise is met in a test."""

from __future__ import annotations

import ast

from tests.contracts.source import calls, files_of_tests, sources, tree_of

from hanlin.base import errors
from hanlin.base.errors import HanlinError
from hanlin.base.messages import all_entries

KINDS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, HanlinError)}


def raised() -> set[str]:
    """Names of our errors behind `raise` anywhere in the package."""
    found = set()
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Raise) and node.exc is not None:
                found |= {name for name, _ in calls(node.exc) if name in KINDS}
    return found


def expected() -> set[str]:
    """Names inside `pytest.raises(...)` of any test."""
    found = set()
    for path in files_of_tests():
        for name, call in calls(tree_of(path)):
            if name == "raises" and call.args:
                found |= {n.id for n in ast.walk(call.args[0]) if isinstance(n, ast.Name)}
    return found


def test_every_kind_of_error_that_is_raised_is_expected_by_some_test() -> None:
    assert raised() - expected() == set()


def test_errors_for_users_have_codes() -> None:
    uncoded = set()
    entries = all_entries()
    for path in sources():
        for name, call in calls(tree_of(path)):
            key = str(call.args[0].value) if call.args and isinstance(call.args[0], ast.Constant) else ""
            if name in KINDS and key in entries and not entries[key].code:
                uncoded.add(key)
    assert uncoded == set()
