"""The exercises solved: the skeleton with its TODOs filled in, and the same with one thing changed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import hanlin.course.check as check

TODO = re.compile(r"(?: *# TODO[^\n]*\n)+ *raise NotImplementedError\n")

ENCODER = (
    """\
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -1e9)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights
""",
    """\
        B, T, D = x.shape
        split = lambda y: y.view(B, T, self.num_heads, -1).transpose(1, 2)
        heads, _ = attention(split(self.W_q(x)), split(self.W_k(x)), split(self.W_v(x)), mask)
        joined = heads.transpose(1, 2).reshape(B, T, D)
        x = self.norm1(x + self.dropout(self.W_o(joined)))
        return self.norm2(x + self.dropout(self.down(torch.relu(self.up(x)))))
""",
    """\
        mask = None if attention_mask is None else attention_mask[:, None, None, :]
        x = self.positions(self.embedding(input_ids) * math.sqrt(self.d_model))
        for layer in self.layers:
            x = layer(x, mask)
        return x
""",
)

CLASSIFIER = (
    """\
    texts = sorted({text for text, _ in rows})
    random.Random(0).shuffle(texts)
    kept = set(texts[: int(len(texts) * share)])
    train, validation = [r for r in rows if r[0] not in kept], [r for r in rows if r[0] in kept]
    return train, validation
""",
    """\
    model = hanlin.load(folder, exact=True)
    return model.model, TextPreprocessor(model.tokenizer, max_length=model.config.max_seq_len)
""",
    """\
    rows = list(rows)
    random.Random(0).shuffle(rows)
    batches = []
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        batch = preprocess([text for text, _ in part])
        batches.append({**batch, "labels": torch.tensor([labels.index(label) for _, label in part])})
    return batches
""",
    """\
    return TaskSpecificModel(base_model, num_labels)
""",
    """\
    logits = model(batch["input_ids"], batch["attention_mask"])
    loss = F.cross_entropy(logits, batch["labels"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
    """\
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(b["input_ids"], b["attention_mask"]) for b in batches])
    predicted = logits.argmax(dim=1)
    true = torch.cat([b["labels"] for b in batches])
    f1 = []
    for label in range(logits.shape[1]):
        hits = ((predicted == label) & (true == label)).sum()
        f1.append(2 * hits / max(1, (predicted == label).sum() + (true == label).sum()))
    accuracy = (predicted == true).float().mean()
    return {"accuracy": accuracy.item(), "macro_f1": (sum(f1) / len(f1)).item()}
""",
)

SOLUTIONS = {"1": ENCODER, "2": CLASSIFIER}


def skeleton(exercise: str, language: str = "en") -> str:
    return (Path(check.SKELETONS) / f"exercise-{exercise}.{language}.txt").read_text(encoding="utf-8")


def solved(exercise: str, language: str = "en", num_parts: int | None = None) -> str:
    """The skeleton with the first `num_parts` of its TODOs filled in, all of them by default."""
    text = skeleton(exercise, language)
    for body in SOLUTIONS[exercise][:num_parts]:
        text, count = TODO.subn(lambda _, body=body: body, text, count=1)
        assert count == 1
    return text


def changed(exercise: str, old: str, new: str) -> str:
    """The solution with one thing changed, which must be there once."""
    text = solved(exercise)
    assert text.count(old) == 1, old
    return text.replace(old, new)


def module_of(code: str) -> SimpleNamespace:
    """What a student's file becomes."""
    names: dict[str, object] = {"__name__": "exercise"}
    exec(compile(code, "exercise.py", "exec"), names)
    return SimpleNamespace(**names)
