"""Heads of tasks against the classes of transformers, both ways: their files say the same here, ours say it there."""

from __future__ import annotations

import json

import pytest
import torch
from tests.bundle.parity import check, exact_norm, load, randomise, write

from hanlin.base.errors import BundleError, ConfigError, UsageError
from hanlin.base.messages import say
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family
from hanlin.model.parts_config import TaskHeadConfig
from hanlin.model.refit import with_task
from hanlin.model.transformer import build_model

transformers = pytest.importorskip("transformers")

ENCODER = {
    "vocab_size": 61,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
}
DECODER = {**ENCODER, "num_key_value_heads": 1, "pad_token_id": 0, "max_position_embeddings": 40, "head_dim": 8}
GPT2 = {"vocab_size": 61, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 40, "pad_token_id": 0}
T5 = {"vocab_size": 61, "d_model": 24, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_decoder_layers": 1, "num_heads": 3}
T5 |= {"eos_token_id": 2, "decoder_start_token_id": 0}
CAPPED = {"query_pre_attn_scalar": 20, "sliding_window": 5}
ROUTED = {**DECODER, "num_experts_per_tok": 2, "sliding_window": None}
SIZES = {
    "Bert": ENCODER, "Roberta": ENCODER, "XLMRoberta": ENCODER, "Llama": DECODER, "Qwen2": DECODER, "Qwen3": DECODER,
    "Mistral": DECODER, "Gemma": DECODER, "GPT2": GPT2, "T5": T5, "MT5": T5,
    "Gemma2": {**DECODER, **CAPPED, "attn_logit_softcapping": 3.0}, "Gemma3Text": {**DECODER, **CAPPED},
    "Glm": DECODER, "Glm4": DECODER, "Phi3": DECODER, "GPTNeoX": DECODER, "Mixtral": {**ROUTED, "num_local_experts": 4},
    "Qwen3Moe": {**ROUTED, "num_experts": 5, "moe_intermediate_size": 20, "decoder_sparse_step": 1},
}  # fmt: skip
LABELS = {
    "SequenceClassification": {"id2label": {0: "差", 1: "中", 2: "好"}, "problem_type": "single_label_classification"},
    "TokenClassification": {"id2label": {0: "O", 1: "B-PER", 2: "I-PER"}},
    "QuestionAnswering": {},
}
MISSING = {(family, "QuestionAnswering") for family in ("Gemma", "Gemma2", "Gemma3Text", "Glm", "Glm4", "Phi3")}
MISSING.add(("Gemma3Text", "TokenClassification"))
WIDE_INSIDE = ("Gemma", "Gemma2", "Gemma3Text", "Glm", "Glm4", "T5", "MT5", "Mixtral", "Qwen3Moe")
"""Families whose norms or routers stay in float32 in any model of transformers."""
CASES = [(family, task) for family in SIZES for task in LABELS if (family, task) not in MISSING]
LENGTHS = (13, 5, 9)


@pytest.fixture(scope="module")
def batch():
    """Three rows, padded at the right, each ending with the one token that T5 looks for; second texts of type 1."""
    ids = torch.randint(5, 61, (3, 13), generator=torch.Generator().manual_seed(2))
    real = torch.arange(13) < torch.tensor(LENGTHS)[:, None]
    ids[torch.arange(3), torch.tensor(LENGTHS) - 1] = 2
    return ids, real, (torch.arange(13) > 6).long().expand(3, 13)


def build(family, task):
    torch.manual_seed(3)
    cls = getattr(transformers, f"{family}For{task}")
    config = cls.config_class(**SIZES[family], **LABELS[task])
    if "attn_logit_softcapping" in SIZES[family]:
        config._attn_implementation = "eager"  # no fused product knows a cap
    return randomise(cls(config).eval())


def told(model, ids, real, types):
    """What their class says: (B, L), (B, T, L), or begin and end side by side."""
    more = {"token_type_ids": types} if "bert" in model.config.model_type else {}
    said = model(ids, attention_mask=real.long(), **more)
    return said.logits if "logits" in said else torch.stack((said.start_logits, said.end_logits), dim=-1)


def compare(ours, theirs, batch, dtype):
    ids, real, types = batch
    ids = torch.where(real, ids, theirs.config.pad_token_id)
    has_types = ours.config.embeddings.types > 1
    with torch.no_grad():
        found = ours.judge(ids, segments=real.long(), types=types if has_types else None)
        expected = told(theirs.to(dtype), ids, real, types if has_types else torch.zeros_like(types))
    if found.dim() == 3:
        found, expected = found[real], expected[real]
    check(found, expected, dtype)


@pytest.mark.parametrize(("family", "task"), CASES)
def test_their_files_say_the_same_here(family, task, batch, tmp_path, monkeypatch):
    for name in ("Llama", "Qwen2", "Qwen3", "Mistral", "Phi3"):
        module = getattr(transformers.models, name.lower())
        norm = getattr(getattr(module, f"modeling_{name.lower()}"), f"{name}RMSNorm")
        monkeypatch.setattr(norm, "forward", exact_norm)
    theirs = build(family, task)
    theirs.save_pretrained(tmp_path)
    dtype = torch.float32 if family in WIDE_INSIDE else torch.float64
    ours = load(tmp_path, dtype)
    assert ours.num_parameters() == ours.config.num_parameters()
    assert ours.config.head.task.labels == tuple(LABELS[task].get("id2label", {}).values())
    compare(ours, theirs, batch, dtype)


PRESETS = {
    "bert": {}, "roberta": {}, "llama": {}, "qwen2": {}, "gpt2": {}, "t5": {"num_encoder_layers": 2},
    "gemma2": {}, "glm": {}, "glm4": {},
    "gemma3_text": {"attention": {**FAMILIES["gemma3_text"].preset["attention"], "pattern": ["sliding", "full"]}},
    "mixtral": {"mlp": {"experts": {"number": 4, "chosen": 2}}},
    "qwen3_moe": {"mlp": {"experts": {"number": 5, "chosen": 2}}},
}  # fmt: skip
KINDS = {"sequence": ("差", "中", "好"), "tokens": ("O", "B-PER", "I-PER"), "spans": ()}


@pytest.mark.parametrize(
    ("name", "kind"), [(one, kind) for one in PRESETS for kind in KINDS if kind in FAMILIES[one].tasks]
)
def test_ours_opens_there_and_comes_back_bit_by_bit(name, kind, batch, tmp_path):
    family = FAMILIES[name]
    shape = {"vocab_size": 61, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "max_seq_len": 40, **PRESETS[name]}
    head = {**family.preset.get("head", {}), "kind": "none", "next_sentence": False, "pooler": False}
    head |= {"task": {"kind": kind, "labels": KINDS[kind]}}
    head["pooler"] = family.tasks[kind].pooler
    if (name, kind) == ("t5", "tokens"):
        shape |= {"arch": "encoder", "num_encoder_layers": 0}
    embeddings = {**family.preset.get("embeddings", {}), **family.sized(shape).get("embeddings", {}), "tied": True}
    config = ModelConfig(**{**family.preset, **shape, "family": name, "head": head, "embeddings": embeddings})
    model = randomise(build_model(config, seed=1)).eval()
    write(tmp_path, model, config)
    settings = json.loads((tmp_path / "config.json").read_text())
    theirs = getattr(transformers, settings["architectures"][0]).from_pretrained(
        tmp_path,
        pad_token_id=1 if name == "roberta" else 0,  # GLM's own is none of 61
    )
    if KINDS[kind]:
        assert tuple(theirs.config.id2label.values()) == KINDS[kind]
    theirs.config.eos_token_id = 2
    compare(model, theirs.eval(), batch, torch.float32)
    again = load(tmp_path, torch.float32)
    assert again.config == config
    for (one, ours), (other, found) in zip(model.named_parameters(), again.named_parameters(), strict=True):
        assert one == other
        assert torch.equal(ours, found)


@pytest.mark.parametrize("task", ["SequenceClassification", "TokenClassification"])
@pytest.mark.parametrize("family", ["Bert", "Roberta", "T5"])
def test_a_head_drops_as_much_in_training_as_theirs(family, task, batch, tmp_path):
    """With nothing else left to chance, one seed gives one set of scores on both sides, and other ones than none."""
    still = (
        {"dropout_rate": 0.0} if family == "T5" else {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    )
    cls = getattr(transformers, f"{family}For{task}")
    config = cls.config_class(**SIZES[family], **LABELS[task], **still, classifier_dropout=0.5)
    theirs = randomise(cls(config)).train()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load(tmp_path / "theirs", torch.float32).train()
    assert (ours.config.dropout, ours.config.head.task.dropout) == (0.0, 0.5)
    torch.manual_seed(4)
    compare(ours, Seeded(theirs), batch, torch.float32)
    write(tmp_path / "ours", ours, ours.config)
    assert json.loads((tmp_path / "ours" / "config.json").read_text())["classifier_dropout"] == 0.5


class Seeded(torch.nn.Module):
    """A model of transformers that throws its dice from the same seed as ours has."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, *given, **settings):
        torch.manual_seed(4)
        return self.model(*given, **settings)


def test_a_row_alone_is_judged_as_in_a_batch(batch, tmp_path):
    for family in ("Bert", "Llama", "T5"):
        build(family, "SequenceClassification").save_pretrained(tmp_path / family)
        model, (ids, real, _) = load(tmp_path / family, torch.float64), batch
        with torch.no_grad():
            together = model.judge(ids, segments=real.long())
            for row, length in enumerate(LENGTHS):
                check(together[row], model.judge(ids[row : row + 1, :length])[0], torch.float64)


def test_labels_and_heads_that_cannot_be(lang):
    def tried(rule, *, head="none", **task):
        with pytest.raises(ConfigError) as error:
            ModelConfig(head={"kind": head, "task": {"kind": "sequence", "labels": ("a", "b"), **task}})
        kind = task.get("kind", "sequence")
        return say(f"model.rule_{rule}", task="sequence", least=2, kind=kind) in str(error.value)

    assert tried("two_heads", head="tokens")
    assert tried("label_twice", labels=("a", "a"))
    assert tried("labels_few", labels=("a",))
    assert tried("labels_unread", kind="none")
    assert tried("pooling_unread", kind="tokens", pooling="mean")
    plain = ModelConfig(vocab_size=9, hidden_size=8, num_layers=1, num_heads=2)
    with pytest.raises(UsageError) as error:
        build_model(plain, seed=1).judge(torch.tensor([[1]]))
    assert error.value.code == "E305"


def test_a_class_that_does_not_exist_is_refused_by_name(lang):
    task = {"kind": "none", "task": {"kind": "spans"}}
    with pytest.raises(BundleError) as error:
        choose_family(ModelConfig(**FAMILIES["gemma"].preset, family="gemma", head=task))
    assert error.value.code == "E320"
    assert "head.task.kind = spans" in str(error.value)


def test_the_mean_of_all_states_is_refused_by_name_where_the_class_takes_another(lang):
    head = {"kind": "none", "pooler": True, "task": {"kind": "sequence", "labels": ("a", "b"), "pooling": "mean"}}
    with pytest.raises(BundleError) as error:
        choose_family(ModelConfig(**{**FAMILIES["bert"].preset, "family": "bert", "head": head}))
    assert error.value.code == "E320"
    assert "head.task.pooling" in str(error.value)


@pytest.mark.parametrize("kind", [*KINDS, "mean"])
@pytest.mark.parametrize("arch", ["prefix", "encoder_decoder", "encoder", "decoder"])
def test_what_no_class_holds_is_kept_in_our_own_layout(arch, kind, batch, tmp_path):
    pooling = "mean" if kind == "mean" else "published"
    kind = "sequence" if kind == "mean" else kind
    shape = {"vocab_size": 61, "hidden_size": 24, "num_layers": 1, "num_heads": 3, "max_seq_len": 40}
    parent = build_model(ModelConfig(**shape, arch=arch, family="hanlin"), seed=1)
    model = randomise(with_task(parent, TaskHeadConfig(kind=kind, labels=KINDS[kind], pooling=pooling), seed=2)).eval()
    assert model.config.family == "hanlin"
    assert model.num_parameters() == model.config.num_parameters()
    write(tmp_path, model, model.config)
    again, (ids, real, _) = load(tmp_path, torch.float32), batch
    with torch.no_grad():
        assert torch.equal(again.judge(ids, segments=real.long()), model.judge(ids, segments=real.long()))


def test_a_temperature_is_folded_into_the_weights(batch, tmp_path):
    for family in ("Bert", "Roberta", "Llama"):
        build(family, "SequenceClassification").save_pretrained(tmp_path / family)
        model, (ids, real, _) = load(tmp_path / family, torch.float64), batch
        with torch.no_grad():
            before = model.judge(ids, segments=real.long())
            model.task.soften(1.7)
            check(model.judge(ids, segments=real.long()), before / 1.7, torch.float64)
