"""Choices of part, a table per part of a model (no torch here): norms, positions, attention, MLPs, embeddings, head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

from hanlin.base.config import Config


class NormConfig(Config):
    """How and where activations are normalised."""

    kind: Literal["rms", "layer"] = Field(
        default="rms", description="rms (Zhang 2019, no mean, no bias) or layer (Ba 2016)"
    )
    place: Literal["pre", "post", "sandwich", "parallel", "beside", "deep"] = Field(
        default="pre",
        description="before each branch (GPT-2 on), after its sum (2017), on both its sides (Gemma 2), once for both "
        "(CodeGen), one for each side by side (GPT-NeoX), or in the stream itself (ChatGLM-6B)",
    )
    eps: float = Field(default=1e-5, gt=0, le=1e-2, description="added to the variance before the root")
    final: bool = Field(default=True, description="one more norm after the last block")
    embeddings: bool = Field(
        default=False, description="one more norm of the embeddings, before the first block (BERT)"
    )
    unit_offset: bool = Field(default=False, description="rms: weights are kept as their distance from 1 (Gemma)")


class RopeScalingConfig(Config):
    """How rotary angles are stretched, so that a model reads further than it was trained (model/rope.py)."""

    kind: Literal["none", "linear", "dynamic", "llama3", "yarn", "longrope"] = Field(
        default="none",
        description="positions divided (linear), base grown (dynamic), by wavelength (llama3, yarn), table (longrope)",
    )
    factor: float = Field(default=1.0, ge=1, le=1e6, description="how many times as far")
    original: int = Field(
        default=0, ge=0, le=16_777_216, description="tokens the model was trained on; linear has no use for it"
    )
    low: float = Field(default=1.0, gt=0, le=1e6, description="llama3: turns in `original` below which all is divided")
    high: float = Field(default=4.0, gt=0, le=1e6, description="llama3: turns in `original` above which nothing is")
    fast: float = Field(default=32.0, gt=0, le=1e6, description="yarn: turns in `original` where the ramp begins")
    slow: float = Field(default=1.0, gt=0, le=1e6, description="yarn: turns in `original` where the ramp ends")
    whole: bool = Field(default=True, description="yarn: the ramp begins and ends at whole dimensions")
    amplitude: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="yarn, longrope: cosines and sines are multiplied by this; 0: by the paper's formula of the factor",
    )
    near_divisors: tuple[PositiveFloat, ...] = Field(
        default=(),
        description="longrope: what the angle of each pair is divided by in texts of up to `original` tokens",
    )
    far_divisors: tuple[PositiveFloat, ...] = Field(default=(), description="longrope: the same in longer texts")


def turning_size(head_dim: int, fraction: float) -> int:
    """Numbers of a head that turn: `fraction` of them, whole pairs."""
    return 2 * int(head_dim * fraction / 2 + 1e-6)  # 10 of 24 are not 9 because 10 / 24 is no binary number


class PositionsConfig(Config):
    """How the model knows the order of tokens."""

    kind: Literal["rope", "rope2d", "learned", "sinusoidal", "relative", "alibi", "distance", "none"] = Field(
        default="rope",
        description="rotary (Su 2021), rotary by place and by place in the blank that is filled (rope2d, GLM), a "
        "trained table, the fixed table of 2017, trained scores by distance (T5), scores falling with it (alibi, Press "
        "2022), attention to it (distance, XLNet), or nothing",
    )
    theta: float = Field(
        default=10000.0, gt=1, le=1e9, description="longest wavelength of rope and sinusoidal, over 2 pi"
    )
    sliding_theta: float = Field(
        default=0.0, ge=0, le=1e9, description="rope: theta of layers with a window, never scaled (Gemma 3); 0: as all"
    )
    fraction: float = Field(default=1.0, gt=0, le=1, description="rope: share of a head that turns (GLM, CodeGen)")
    scaling: RopeScalingConfig = Field(default=RopeScalingConfig(), description="rope: how angles are stretched")
    offset: int = Field(
        default=0, ge=0, le=1000, description="learned: rows of the table before that of the first token (RoBERTa: 2)"
    )
    start_token: int = Field(
        default=-1, ge=-1, le=10_000_000, description="prefix: id of the token that begins what is written; -1: none"
    )
    blank_token: int = Field(
        default=-1,
        ge=-1,
        le=10_000_000,
        description="rope2d: id of the token that what is written stands for; -1: none",
    )
    short_blank_token: int = Field(
        default=-1, ge=-1, le=10_000_000, description="rope2d: the same of a short blank, where there is no long one"
    )
    buckets: int = Field(default=32, ge=4, le=4096, description="relative: trained scores per head, by distance")
    distance: int = Field(
        default=128, ge=2, le=16_777_216, description="relative: from this distance on all share a score"
    )

    @property
    def tell_prefix(self) -> bool:
        """Whether the tokens themselves say where the prefix ends."""
        return self.start_token >= 0


class AttentionConfig(Config):
    """What an attention layer is made of beyond its sizes."""

    qkv_bias: bool = Field(default=False, description="biases on the query, key and value projections")
    out_bias: bool = Field(default=False, description="bias on the output projection")
    qk_norm: bool = Field(default=False, description="RMS norm of every query and key head before rope (Qwen3)")
    scale: float = Field(
        default=0.0, ge=0, le=1e3, description="scores are multiplied by this (T5: 1); 0: 1 / root of head_dim"
    )
    window: int = Field(
        default=0, ge=0, le=16_777_216, description="tokens that a sliding layer sees, itself included; 0: all"
    )
    cap: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="scores s become cap x tanh(s / cap), never larger (Gemma 2); 0: as they are",
    )
    pattern: tuple[Literal["sliding", "full"], ...] = Field(
        default=("sliding",), min_length=1, description="which layers the window holds for, repeated to the depth"
    )


class ExpertsConfig(Config):
    """Several MLPs per layer, of which every token takes a few."""

    number: int = Field(default=0, ge=0, le=4096, description="MLPs of a layer; 0: one, without a choice")
    chosen: int = Field(default=2, ge=1, le=4096, description="how many of them each token takes")
    renormalised: bool = Field(
        default=True, description="weights of the chosen sum to one (Mixtral), else those of all do (Qwen3-MoE)"
    )


class MlpConfig(Config):
    """What a feed-forward layer is made of beyond its width."""

    activation: Literal["silu", "gelu", "gelu_tanh", "relu", "relu2"] = Field(
        default="silu", description="silu, gelu (erf), gelu_tanh (GPT-2), relu (2017), relu2 (squared, So 2021)"
    )
    gated: bool = Field(
        default=True, description="multiply the activation by a second projection (SwiGLU, Shazeer 2020)"
    )
    bias: bool = Field(default=False, description="biases on its projections")
    experts: ExpertsConfig = Field(default=ExpertsConfig(), description="several MLPs, of which a token takes a few")


class EmbeddingsConfig(Config):
    """How tokens enter and leave."""

    tied: bool = Field(default=True, description="the output head is the token embedding")
    scale: float = Field(
        default=1.0, gt=0, le=1e3, description="embeddings are multiplied by this (2017: root of hidden_size)"
    )
    types: int = Field(default=0, ge=0, le=1000, description="kinds of token with a trained vector each (BERT: 2)")


class TaskHeadConfig(Config):
    """What a head of a task tells apart, and of what."""

    kind: Literal["none", "sequence", "tokens", "spans"] = Field(
        default="none",
        description="no task, labels of a text, labels of its tokens, or where an answer stands",
    )
    labels: tuple[str, ...] = Field(default=(), description="names of what is told apart, in the order of the scores")
    problem: Literal["one", "several", "value"] = Field(
        default="one", description="sequence: one label of a text, any number of them, or a number for each label"
    )
    pooling: Literal["published", "mean"] = Field(
        default="published",
        description="sequence: what is scored, the state that the class of transformers for this shape takes, or the "
        "mean of all (then in our own layout)",
    )
    start: int = Field(
        default=0, ge=0, le=10_000_000, description="encoder_decoder: id that the decoder begins with (T5: padding)"
    )
    dropout: float = Field(
        default=-1.0, ge=-1, lt=1, description="share of what it reads that is zeroed in training; below 0: the model's"
    )


class HeadConfig(Config):
    """What stands on top of the last block."""

    kind: Literal["tokens", "none"] = Field(
        default="tokens", description="scores of every token, or nothing (models of embeddings)"
    )
    transform: bool = Field(default=False, description="a layer, activation and norm before the scores (BERT)")
    activation: Literal["mlp", "gelu"] = Field(
        default="mlp", description="that of this layer: as in the MLP, or gelu whatever stands there (RoBERTa)"
    )
    bias: bool = Field(default=False, description="a bias per token on the scores")
    scale: float = Field(
        default=1.0, gt=0, le=1e3, description="states are multiplied by this before the scores (T5: hidden_size^-0.5)"
    )
    cap: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="scores s become cap x tanh(s / cap), never larger (Gemma 2); 0: as they are",
    )
    normalised: bool = Field(
        default=False, description="scores by the direction of each token's row, not its length (Baichuan 2)"
    )
    pooler: bool = Field(default=False, description="a layer and tanh over the first token's state (BERT)")
    next_sentence: bool = Field(default=False, description="two scores of the pooled state: does B follow A (BERT)")
    task: TaskHeadConfig = Field(default=TaskHeadConfig(), description="what a fine-tuned model says instead")
