"""The checker of exercise 1: the right solution passes, every usual mistake is told by its own name."""

from __future__ import annotations

import pytest
import torch
from tests.course.solutions import changed, module_of, solved
from tests.course.test_encoder import F_, D, H, layer_of_torch, shaken

from hanlin.course import TransformerEncoderLayer, check_encoder
from hanlin.course.encoder_exercise import layer_forward

SPLIT = "split = lambda y: y.view(B, T, self.num_heads, -1).transpose(1, 2)"
MISTAKES = {
    "no_scaling": (" / math.sqrt(query.shape[-1])", ""),
    "scaled_by_width": (" / math.sqrt(query.shape[-1])", " / query.shape[-1]"),
    "softmax_over_queries": ("softmax(dim=-1)", "softmax(dim=-2)"),
    "softmax_over_heads": ("softmax(dim=-1)", "softmax(dim=1)"),
    "no_softmax": ("weights = scores.softmax(dim=-1)", "weights = scores"),
    "mask_ignored": ("if mask is not None:", "if False:"),
    "mask_inverted": ("mask == 0", "mask == 1"),
    "mask_inverted_nan": ("mask == 0, -1e9", "mask == 1, -torch.inf"),
    "mask_zeroes_scores": ("mask == 0, -1e9", "mask == 0, 0"),
    "mask_added": ("scores.masked_fill(mask == 0, -1e9)", "scores + mask"),
    "mask_after_softmax": (
        "scores = scores.masked_fill(mask == 0, -1e9)\n",
        "return scores.softmax(-1) * mask @ value, scores.softmax(-1) * mask\n",
    ),
    "weights_times_keys": ("return weights @ value", "return weights @ key"),
    "output_is_query": ("return weights @ value", "return weights @ query"),
    "first_residual_forgotten": ("norm1(x + self.dropout(self.W_o(joined)))", "norm1(self.dropout(self.W_o(joined)))"),
    "second_residual_forgotten": ("self.norm2(x + ", "self.norm2("),
    "first_norm_forgotten": ("x = self.norm1(x + self.dropout(self.W_o(joined)))", "x = x + self.W_o(joined)"),
    "second_norm_forgotten": ("return self.norm2(x + ", "return (x + "),
    "activation_forgotten": ("torch.relu(self.up(x))", "self.up(x)"),
    "gelu": ("torch.relu(self.up(x))", "nn.functional.gelu(self.up(x))"),
    "projection_forgotten": ("self.W_o(joined)", "joined"),
    "one_head": (SPLIT, "split = lambda y: y[:, None]"),
    "heads_not_transposed": (SPLIT, "split = lambda y: y.view(B, self.num_heads, T, -1)"),
    "mask_not_passed": ("split(self.W_v(x)), mask)", "split(self.W_v(x)))"),
    "dropout_in_evaluation": ("self.dropout(self.W_o(joined))", "nn.functional.dropout(self.W_o(joined), 0.1)"),
    "parts": ("self.up, self.down = ", "self.first, self.second = "),
    "no_positions": ("self.positions(self.embedding(input_ids) * ", "(self.embedding(input_ids) * "),
    "embedding_not_scaled": (" * math.sqrt(self.d_model)", ""),
    "no_positions_not_scaled": ("self.positions(self.embedding(input_ids) * math.sqrt(self.d_model))",
                                "self.embedding(input_ids)"),
    "one_layer": ("in self.layers:", "in self.layers[:1]:"),
    "padding_seen": ("x = layer(x, mask)", "x = layer(x)"),
    "padding_inverted": ("attention_mask[:, None, None, :]", "1 - attention_mask[:, None, None, :]"),
    "shape": ("return x\n\n\nif", "return x[:, 0]\n\n\nif"),
    "no_tensor": ("return weights @ value, weights", "return weights @ value, None"),
    "stopped": ("joined = heads.transpose(1, 2)", "joined = heads.transpose(1, 7)"),
    "unknown": ("weights @ value, weights", "weights @ value * 1.01, weights"),
    "missing": ("class Encoder(nn.Module)", "class Enkoder(nn.Module)"),
}  # fmt: skip
PRE_NORM = """\
        y = self.norm1(x)
        heads, _ = attention(split(self.W_q(y)), split(self.W_k(y)), split(self.W_v(y)), mask)
        x = x + self.dropout(self.W_o(heads.transpose(1, 2).reshape(B, T, D)))
        return x + self.dropout(self.down(torch.relu(self.up(self.norm2(x)))))
"""
BARE = """\
        heads, _ = attention(split(self.W_q(x)), split(self.W_k(x)), split(self.W_v(x)), mask)
        x = {0}self.W_o(heads.transpose(1, 2).reshape(B, T, D)){1}
        return {2}self.down(torch.relu(self.up(x))){1}
"""


def last_mistake(code):
    return check_encoder(module_of(code))[-1]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_right_solution_of_either_skeleton_passes(language):
    findings = check_encoder(module_of(solved("1", language)))
    assert [str(f) for f in findings if not f.is_right] == []
    assert [f.step for f in findings] == ["weights", "mask", "output", "layer", "layer_mask", "encoder", "padding"]


def test_the_courses_own_layer_is_what_the_checker_computes():
    """The reference of the checker is held to torch's layer, which knows nothing of it."""
    layer, x = shaken(TransformerEncoderLayer(D, H, F_)).eval(), torch.randn(2, 5, D)
    for name in ("W_q", "W_k", "W_v", "W_o"):
        setattr(layer, name, getattr(layer.attention, name))
    layer.up, layer.down = layer.feed_forward.up, layer.feed_forward.down
    torch.testing.assert_close(layer_forward(layer, x), layer_of_torch(layer)(x), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("mistake", "change"), MISTAKES.items())
def test_a_mistake_is_told_by_its_name(mistake, change, lang):
    finding = last_mistake(changed("1", *change))
    assert finding.mistake == mistake
    assert len(str(finding).splitlines()) == 2, "a step and a hint"


@pytest.mark.parametrize(
    ("mistake", "forward"),
    {
        "pre_norm": PRE_NORM,
        "residual_forgotten": BARE.format("self.norm1(", ")", "self.norm2("),
        "norm_forgotten": BARE.format("x + (", ")", "x + ("),
    }.items(),
)
def test_a_layer_of_another_order_is_told_too(mistake, forward):
    right = solved("1")
    begin = right.index("        heads, _ = attention(")
    end = right.index("class Encoder(nn.Module)")
    assert last_mistake(right[:begin] + forward + "\n\n" + right[end:]).mistake == mistake


@pytest.mark.parametrize(("num_parts", "step"), [(0, "weights"), (1, "layer"), (2, "encoder")])
def test_what_is_not_written_yet_is_said_to_be(num_parts, step, lang):
    finding = last_mistake(solved("1", lang, num_parts))
    assert (finding.step, finding.mistake) == (step, "todo")
    assert "raise NotImplementedError" in str(finding)


def test_a_line_that_stops_is_named(lang):
    finding = last_mistake(changed("1", *MISTAKES["stopped"]))
    line = solved("1").splitlines().index("        joined = heads.transpose(1, 2).reshape(B, T, D)") + 1
    assert finding.values["line"] == line
    assert "IndexError" in str(finding)
