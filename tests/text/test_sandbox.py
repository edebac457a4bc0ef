"""Hostile templates: each ends soon, with a fault, in bounded memory, and the next one renders."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from hanlin.base.errors import InputError
from hanlin.text import jinja, sandbox
from hanlin.text.chat import Template
from hanlin.text.sandbox import Fault, Sandbox

from .small_tokenizer import tokenizer

VARIABLES = {"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": False}
DOUBLING = "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s OP ns.s %}{% endfor %}"
LONG = "{% for i in range(90000) %}{{ 'abcdefghijklmnopqrstuvwxyz' }}{% endfor %}"

BOMBS = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "range": "{% for a in range(10**12) %}x{% endfor %}",
    "recursion": "{% macro f(s) %}{{ f(s) }}{{ f(s) }}{% endmacro %}{{ f('a') }}",
    "repeat": "{{ 'abcdefghij' * 1000000000 }}",
    "repeat twice": "{% set a = 'a' * 1000000 %}{{ (a | list) * 1000000 }}",
    "doubling ~": DOUBLING.replace("OP", "~"),
    "doubling +": DOUBLING.replace("OP", "+"),
    "doubling replace": "{% set ns = namespace(s='aaaa') %}{% for i in range(60) %}"
    "{% set ns.s = ns.s | replace('a', ns.s) %}{% endfor %}",
    "doubling join": "{% set ns = namespace(s='ab') %}{% for i in range(60) %}"
    "{% set ns.s = [ns.s, ns.s, ns.s] | join(ns.s) %}{% endfor %}",
    "indent": "{{ 'a\nb' | indent(2000000000) }}",
    "format": "{{ '%2000000000d' | format(3) }}",
    "long": LONG,
    "attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a filter's code": "{{ raise_exception.__globals__.__builtins__ }}",
    "file": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}{{ os }}",
    "brackets": "{{" + "(" * 100_000,
    "blocks": "{% if x %}" * 100_000,
}


@pytest.fixture
def own() -> Iterator[Sandbox]:
    started = Sandbox()
    yield started
    started.close()


def memory_of(pid: int) -> int:
    """Largest resident memory so far, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_soon_and_in_bounded_memory(bomb: str) -> None:
    sandbox.render("", VARIABLES)  # the process has started
    before, started = memory_of(os.getpid()), time.process_time()
    with pytest.raises(Fault) as caught:
        sandbox.render(BOMBS[bomb], VARIABLES)
    assert caught.value.kind in ("too_much", "failed", "syntax")
    assert memory_of(os.getpid()) - before < 64 << 20
    assert time.process_time() - started < 1
    assert sandbox.render("{{ messages[0].content }}", VARIABLES) == "x"


def test_the_process_is_limited_in_time_and_memory(own: Sandbox) -> None:
    """The bombs above pass through the process of ours untouched; the limits are what stops them."""
    started = time.monotonic()
    with pytest.raises(Fault, match="time or memory"):
        own.ask(BOMBS["doubling ~"], VARIABLES)
    with pytest.raises(Fault, match="time or memory"):
        own.ask(BOMBS["format"], VARIABLES)
    assert time.monotonic() - started < 20  # of a clock that other processes share


def test_the_user_reads_one_sentence(lang: str) -> None:
    template = Template(BOMBS["loops"], tokenizer().special)
    with pytest.raises(InputError) as caught:
        template.render([{"role": "user", "content": "x"}], tokenizer=tokenizer())
    assert caught.value.code == "E251"
    assert "{" not in str(caught.value)


@pytest.mark.parametrize("render", [jinja.render, sandbox.render])
def test_both_ways_of_rendering_give_the_same(render: object) -> None:
    assert callable(render)
    assert render("{{ messages[0].role }}: {{ missing }}<&>\n\n", VARIABLES) == "user: <&>\n"
    assert render("{{ messages | tojson(indent=1) }}", {"messages": []}) == "[]"
    with pytest.raises(Fault) as caught:
        render("\n\n{{ missing.name }}", VARIABLES)
    assert (caught.value.kind, caught.value.line) == ("failed", 3)


def test_output_has_a_limit_that_grows_with_the_contents() -> None:
    long = {"messages": [{"role": "user", "content": "x" * 3_000_000}]}
    assert len(jinja.render("{{ messages[0].content }}", long)) == 3_000_000
    with pytest.raises(Fault, match="characters"):
        jinja.render(LONG, VARIABLES)


def test_the_tag_of_transformers_keeps_its_white_space_control() -> None:
    source = "a {%- generation -%} b {%- endgeneration %} c"
    assert jinja.render(source, VARIABLES) == "ab c"


def test_a_process_that_was_killed_is_replaced(own: Sandbox) -> None:
    assert own.ask("{{ 1 + 1 }}", VARIABLES) == "2"
    first = own._process
    assert first is not None
    first.kill()
    first.wait()
    assert own.ask("{{ 1 + 2 }}", VARIABLES) == "3"
    assert own._process is not first


def test_threads_get_their_own_answers(own: Sandbox) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: own.ask("{{ number }}", {**VARIABLES, "number": n}), range(200)))
    assert answers == [str(n) for n in range(200)]


def test_a_process_that_hangs_is_killed(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_PATIENCE", 0.3)
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    own._process = sleeper
    with pytest.raises(Fault, match="time or memory"):
        own.ask("x", VARIABLES)
    assert sleeper.poll() is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_starts_a_process_of_its_own() -> None:
    assert sandbox.render("parent", VARIABLES) == "parent"
    child = os.fork()
    if child == 0:
        right = sandbox.render("child", VARIABLES) == "child"
        sandbox._sandbox(os.getpid()).close()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sandbox.render("parent", VARIABLES) == "parent"


def test_no_process_outlives_the_program() -> None:
    program = (
        "from hanlin.text import sandbox; import os\n"
        "sandbox.render('x', {'messages': []})\n"
        "print(sandbox._sandbox(os.getpid())._process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    assert done.stderr == ""
