"""The report of sizes counts what it says, and is printed at every run."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.sizes import ROOT, measure

SAMPLE = '''"""A module."""

# a comment


class Thing:
    def method(self, size, *rest: int, name: str = "x"):
        """Documented."""
        return size


def short(a: int) -> int:
    return a
'''


def test_the_report_counts_a_known_file(tmp_path: Path) -> None:
    for folder in ("package", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "package" / "thing.py").write_text(SAMPLE)
    (tmp_path / "tests" / "test_thing.py").write_text("# no code\nassert True\n\nassert True\n")
    sizes = measure(tmp_path / "package", tmp_path / "tests")
    assert sizes.files == [(13, "thing.py")]
    assert sizes.functions == [(3, "thing.py:method"), (2, "thing.py:short")]
    assert sizes.unannotated == ["thing.py:method(size)"]
    assert sorted(sizes.undocumented) == ["thing.py:Thing", "thing.py:short"]
    assert (sizes.num_public, sizes.code_lines, sizes.test_lines) == (3, 7, 2)
    assert "no annotation: thing.py:method(size)" in sizes.report()


def test_every_argument_of_ours_is_annotated() -> None:
    sizes = measure(ROOT / "src" / "hanlin", ROOT / "tests")
    print(sizes.report())
    assert sizes.unannotated == []
