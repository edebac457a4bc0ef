"""ChatGLM-6B against a float64 program of its own: whole, padded, packed, in pieces, exported, written with."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tests.bundle import glm6b
from tests.bundle.parity import check, load, write

from hanlin.bundle.tensors import write_tensors
from hanlin.infer.beams import Reader, search
from hanlin.infer.config import BeamParams
from hanlin.model.families.registry import find_family

GMASK, MASK, START = 91, 92, 93
HF = {
    "model_type": "chatglm", "vocab_size": 97, "num_layers": 3, "max_sequence_length": 64, "layernorm_epsilon": 1e-5,
    "inner_hidden_size": 80, "bos_token_id": START, "gmask_token_id": GMASK, "mask_token_id": MASK, "eos_token_id": 94,
    "pad_token_id": 3, "position_encoding_2d": True, "quantization_bit": 0, "pre_seq_len": None,
    "prefix_projection": False, "architectures": ["ChatGLMModel"], "use_cache": True,
}  # fmt: skip
SIZES = {"3 heads of 16": (48, 3), "5 heads of 4": (20, 5), "1 head of 36": (36, 1)}


@pytest.fixture(scope="module", params=SIZES)
def made(request, tmp_path_factory):
    """A folder as published, and what its oracle says of a row."""
    (width, heads), generator = SIZES[request.param], torch.Generator().manual_seed(4)
    weights = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) * 0.25 + ("norm.weight" in name)
        for name, shape in glm6b.shapes(vocab=97, width=width, ffn=80, layers=3).items()
    }
    folder = tmp_path_factory.mktemp("glm")
    (folder / "config.json").write_text(json.dumps({**HF, "hidden_size": width, "num_attention_heads": heads}))
    inv_freq = {f"transformer.layers.{n}.attention.rotary_emb.inv_freq": torch.ones(3) for n in range(3)}
    write_tensors(folder / "model.safetensors", {**weights, **inv_freq})
    known = {name: tensor.numpy() for name, tensor in weights.items()}

    def oracle(row: list[int]) -> torch.Tensor:
        said = glm6b.logits(known, row, heads=heads, layers=3, start=START, blanks=(GMASK, MASK))
        return torch.from_numpy(np.ascontiguousarray(said))

    return folder, oracle


ASKED = [*range(5, 22), GMASK, START, *range(30, 39)]
MIDDLE = [7, 8, MASK, 9, 10, START, 50, 51, 52, 53]
ROWS = (ASKED, MIDDLE, [GMASK, START, 44, 45])


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_it_says_what_the_published_formulas_say(made, dtype):
    model = load(made[0], dtype)
    assert model.config.family == "chatglm"
    assert model.num_parameters() == model.config.num_parameters()
    for row in ROWS:
        check(model(torch.tensor([row]))[0], made[1](row).to(dtype), dtype)


@torch.no_grad()
def test_padded_and_packed_rows_say_what_they_say_alone(made):
    model = load(made[0], torch.float64)
    longest = max(map(len, ROWS))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in ROWS])
    segments = (torch.arange(longest) < torch.tensor([len(row) for row in ROWS])[:, None]).long()
    packed = torch.tensor([number for number, row in enumerate(ROWS, 1) for _ in row])[None]
    padded, together = (
        model(tokens, segments=segments),
        model(torch.tensor([[id for row in ROWS for id in row]]), segments=packed),
    )
    for number, row in enumerate(ROWS):
        check(padded[number, : len(row)], made[1](row), torch.float64)
        check(together[0, packed[0] == number + 1], made[1](row), torch.float64)


@torch.no_grad()
def test_what_is_written_token_by_token_is_read_at_once(made):
    model, prompts = load(made[0], torch.float64), [row[: row.index(START) + 1] for row in ROWS[:2]]
    reader = Reader(model, prompts, start=0, room=6)
    for at in range(4):
        for number, row in enumerate(ROWS[:2]):
            check(reader.logits[number].double(), made[1](row)[len(prompts[number]) - 1 + at], torch.float32)
        reader.read([row[len(prompt) + at] for row, prompt in zip(ROWS, prompts, strict=False)])


@torch.no_grad()
def test_beams_take_their_blanks_along(made):
    model, prompts = load(made[0], torch.float64), [row[: row.index(START) + 1] for row in ROWS[:2]]
    found = search(model, prompts, BeamParams(num_beams=3, max_tokens=5, length_penalty=0.0), start=0, end=96)
    for prompt, beams in zip(prompts, found, strict=True):
        for beam in beams:
            said = made[1]([*prompt, *beam.ids]).log_softmax(dim=-1)[len(prompt) - 1 : -1]
            total = said[range(len(beam.ids)), list(beam.ids)].sum().item()
            assert beam.score == pytest.approx(total, abs=1e-3)


@torch.no_grad()
def test_a_text_without_a_start_is_all_prefix(made):
    """As if a start stood behind it that nobody has read yet."""
    model = load(made[0], torch.float64)
    check(model(torch.tensor([ASKED[:18]]))[0], made[1]([*ASKED[:18], START])[:18], torch.float64)


def test_import_export_import_keeps_every_bit(made, tmp_path):
    first = load(made[0], torch.float32)
    write(tmp_path, first, first.config)
    second = load(tmp_path, torch.float32)
    assert second.config == first.config
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_its_config_is_told_from_that_of_its_successors():
    assert find_family(HF, path="x").name == "chatglm"
    assert find_family({"model_type": "chatglm", "padded_vocab_size": 5}, path="x").name == "chatglm2"
