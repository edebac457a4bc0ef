"""Training on blanks where positions have two dimensions: ChatGLM-6B's loss by formulas of its own, and that it learns.

B rows, T tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.bundle import glm6b
from tests.bundle.parity import load, randomise, write
from tests.data.forms.conftest import every_part, source_for, tokenizer_for

from hanlin.base.errors import ConfigError, InputError
from hanlin.data.forms.parts import Part, Parts
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.sources import IGNORE
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.train.config import PretrainConfig
from hanlin.train.kinds import KINDS, blanks, check_shape, check_tellers, model_fields
from hanlin.train.objectives import BlankInfillingLM

from .conftest import Training

SIZES = {"hidden_size": 24, "num_layers": 2, "num_heads": 2, "ffn_size": 40, "max_seq_len": 160}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")


def config(**corruption: float) -> PretrainConfig:
    return PretrainConfig(objective="blank_infilling", corruption=corruption, model={"family": "chatglm", **SIZES})


def shape() -> ModelConfig:
    tokenizer = tokenizer_for("blank_infilling")
    return ModelConfig(**{**model_fields(config(), tokenizer), "vocab_size": tokenizer.vocab_size})


def form_of(**corruption: float) -> Any:
    return blanks(tokenizer_for("blank_infilling"), config(**corruption).corruption, shape())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Transformer, dict[str, np.ndarray]]:
    """A model of the family, and its tensors as a published file would hold them."""
    folder = tmp_path_factory.mktemp("glm")
    model = randomise(build_model(shape(), seed=1)).eval()
    write(folder, model, model.config)
    tensors = load_file(folder / "model.safetensors")
    return load(folder, torch.float64), {name: tensor.double().numpy() for name, tensor in tensors.items()}


def by_formulas(weights: dict[str, np.ndarray], form: Any, part: Part) -> float:
    """Nats of one part under an independent program, its places from the paper: no line of it is ours."""
    piece = form.piece(part)
    tokens, context = piece.tokens.tolist(), piece.tokens.tolist().index(form.tokenizer.special.bos)
    place, inside = piece.columns["places"], piece.columns["inside"]
    said = glm6b.placed_logits(weights, tokens, heads=2, layers=2, context=context, place=place, inside=inside)
    logprobs = torch.from_numpy(np.ascontiguousarray(said)).log_softmax(dim=-1)
    asked = (piece.targets != IGNORE).nonzero()[0].tolist()
    return -sum(float(logprobs[place, int(piece.targets[place])]) for place in asked)


@torch.no_grad()
def test_the_loss_is_that_of_the_published_formulas(made: tuple[Transformer, dict[str, np.ndarray]]) -> None:
    """Short spans, sentences and ends, two texts in a row: what one reads or writes the other never sees."""
    model, weights = made
    form = form_of()
    parts = [part for part in every_part("blanks", 64, key=2) if len(part.ids) < 60][:8]
    kinds = {int(token) for part in parts for token in form.piece(part).tokens if token in map(form.mask, MASKS)}
    assert len(kinds) == 3
    expected = sum(by_formulas(weights, form, part) for part in parts)
    pairs = [parts[at : at + 2] for at in range(0, 8, 2)]
    loss = BlankInfillingLM().loss(model, form.batch(pairs, seq_len=160))
    assert loss.value.item() == pytest.approx(expected, rel=1e-9)
    alone = BlankInfillingLM().loss(model, form.batch([[part] for part in parts], seq_len=160))
    assert alone.value.item() == pytest.approx(expected, rel=1e-9)


MASKS = ("[MASK]", "[sMASK]", "[gMASK]")


def test_no_target_is_seen_before_it_is_written(made: tuple[Transformer, dict[str, np.ndarray]]) -> None:
    """Another token at any written place changes nothing that is predicted at it or before it."""
    model, form = made[0], form_of()
    batch = form.batch([every_part("blanks", 64, key=2)[:1]], seq_len=96)
    written = (batch.targets[0] != IGNORE).nonzero().flatten().tolist()
    with torch.no_grad():
        states = BlankInfillingLM().states(model, batch)
        for place in written[1::3]:
            tokens = batch.tokens.clone()
            tokens[0, place] = 5 if tokens[0, place] != 5 else 6
            other = BlankInfillingLM().states(model, type(batch)(**{**vars(batch), "tokens": tokens}))
            changed = (states != other).any(dim=-1)[0].nonzero().flatten()
            assert int(changed.min()) == place


def training(folder: Path, **settings: Any) -> Training:
    made = Training(folder, model=build_model(shape(), seed=3), **settings)
    source = WeightedSource(source=Parts(source_for("blank_infilling"), form_of(), seq_len=64))
    made.loader = Loader([source], rows=4, seq_len=64, seed=5, form=form_of())
    made.objective = KINDS["blank_infilling"].loss
    return made


def test_stopped_and_gone_on_is_bit_for_bit_the_whole(tmp_path: Path) -> None:
    settings = {"steps": 4, "save_steps": 2, "keep_checkpoints": 9}
    whole, first = (training(tmp_path / name / "run", **settings) for name in "ab")
    done, cut = whole.start(), first.start()
    last = sorted((cut.path / "checkpoints").iterdir())[-1]
    for file in last.iterdir():
        file.unlink()
    last.rmdir()  # as if the run had been killed after step 2
    resumed = training(cut.path, **settings).start()
    one, other = (sorted((run.path / "checkpoints").iterdir())[-1] for run in (done, resumed))
    assert one.name == other.name == "step-000004"
    for file in sorted(one.glob("*.safetensors")):
        ours, expected = load_file(other / file.name), load_file(file)
        assert all(torch.equal(ours[key], value) for key, value in expected.items()), file.name


def test_it_learns_to_copy_what_stands_beside_the_blank() -> None:
    """Texts of one token repeated: what is read says what is to be written. By chance log 40 = 3.7 nats a token; 0.06
    were reached in 60 steps."""
    tokenizer = tokenizer_for("blank_infilling")
    form = form_of(documents=0.0, sentences=0.0)
    model = build_model(shape(), seed=3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    def batch(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        low = tokenizer.vocab_size - 40
        texts = [np.full(20, rng.integers(low, low + 40)) for _ in range(32)]
        rows = [[Part(text, True, (seed, number), None, 0)] for number, text in enumerate(texts)]  # type: ignore[arg-type]
        return form.batch(rows, seq_len=26)

    objective = BlankInfillingLM()
    for step in range(60):
        loss = objective.loss(model, batch(step))
        optimizer.zero_grad()
        (loss.value / loss.num_tokens).backward()
        optimizer.step()
    with torch.no_grad():
        held = objective.loss(model, batch(10_000))
    assert held.value.item() / held.num_tokens < 0.5


def test_a_fresh_model_tells_by_its_own_vocabulary() -> None:
    special, positions = tokenizer_for("blank_infilling").special, shape().positions
    form = form_of()
    assert (positions.start_token, positions.blank_token) == (special.bos, form.mask("[gMASK]"))
    assert positions.short_blank_token == form.mask("[MASK]")
    assert (form.dimensions, form.reads_start) == (2, False)


def test_a_vocabulary_with_another_beginning_is_refused() -> None:
    """All would be prefix, and every target seen."""
    foreign = shape().replaced(positions={**shape().positions.model_dump(), "start_token": 7})
    with pytest.raises(InputError) as error:
        check_tellers(foreign, tokenizer_for("blank_infilling"))
    assert error.value.code == "E560" and "token 7" in str(error.value)


def test_plain_text_is_refused_by_a_model_that_finds_its_prefix() -> None:
    with pytest.raises(ConfigError) as error:
        check_shape(PretrainConfig(), shape())
    (problem,) = error.value.problems
    assert problem.name == "objective" and "prefix by a token" in problem.rule
