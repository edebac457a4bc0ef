"""How the house is built, as a printed report: a thermometer, not a law. `python -m tests.contracts.sizes`."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Sizes:
    """Figures of a package and its tests; lists hold (number, where), largest first."""

    files: list[tuple[int, str]]
    functions: list[tuple[int, str]]
    unannotated: list[str]
    undocumented: list[str]
    num_public: int
    code_lines: int
    test_lines: int

    @property
    def percentile95(self) -> int:
        """The length that 95 % of the functions do not exceed."""
        lengths = sorted(length for length, _ in self.functions)
        return lengths[int(0.95 * (len(lengths) - 1))]

    def report(self) -> str:
        """The figures beside their budgets."""
        median = statistics.median(length for length, _ in self.functions)
        documented = 100 - 100 * len(self.undocumented) / max(1, self.num_public)
        rows = [
            ("files, lines of code", f"{len(self.files)}, {self.code_lines}", ""),
            ("function median, p95, max", f"{median:.0f}, {self.percentile95}, {self.functions[0][0]}", "10, 40, 80"),
            ("longest file", str(self.files[0][0]), "400"),
            ("arguments without annotation", str(len(self.unannotated)), "0"),
            ("public things documented", f"{documented:.0f} %", "80 %"),
            ("lines of test per line of code", f"{self.test_lines / max(1, self.code_lines):.2f}", "1.00"),
        ]
        lines = [
            f"{name:32} {value:16} budget {budget}" if budget else f"{name:32} {value}" for name, value, budget in rows
        ]
        over = [f"  function of {n} lines: {where}" for n, where in self.functions if n > 40]
        over += [f"  file of {n} lines: {where}" for n, where in self.files if n > 400]
        over += [f"  no annotation: {where}" for where in self.unannotated]
        return "\n".join([*lines, *over])


def measure(package: Path, tests: Path) -> Sizes:
    """Read every Python file of a package and its tests."""
    files, functions, unannotated, undocumented, num_public = [], [], [], [], 0
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(package).as_posix()
        files.append((len(text.splitlines()), name))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function):
                functions.append((_length(node), f"{name}:{node.name}"))
                unannotated += [f"{name}:{node.name}({a})" for a in _unannotated(node)]
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                num_public += 1
                undocumented += [] if ast.get_docstring(node) else [f"{name}:{node.name}"]
    code = sum(_code_lines(path) for path in package.rglob("*.py"))
    test = sum(_code_lines(path) for path in tests.rglob("*.py"))
    ranked = sorted(files, reverse=True), sorted(functions, reverse=True)
    return Sizes(*ranked, unannotated, undocumented, num_public, code, test)


def _length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _unannotated(node: Function) -> Iterator[str]:
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return (a.arg for a in named if a and a.annotation is None and a.arg not in ("self", "cls"))


def _code_lines(path: Path) -> int:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return sum(1 for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    print(measure(ROOT / "src" / "hanlin", ROOT / "tests").report())
    sys.exit(0)
