"""Records of files to rows of a task: a text or two, what is to be said of it, and which rows belong together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hanlin.base.errors import InputError
from hanlin.base.files import sha256_bytes
from hanlin.base.progress import Progress
from hanlin.data.framing import Text
from hanlin.text.records.kinds import Classified, Extract, Pair, Record, Tagged, Use
from hanlin.text.records.reading import Placed, read_records
from hanlin.train.task.config import TaskConfig, TaskName


@dataclass(frozen=True)
class TaskRow:
    """target: labels of a text, a number, spans, answers, how alike two texts are (None: they belong together), or what
    is to be written."""

    text: Text
    target: Any
    group: str
    location: str

    @property
    def whole(self) -> str:
        """Both texts of a pair as one."""
        return self.text if isinstance(self.text, str) else "\n".join(self.text)


def read_rows(paths: Sequence[str], config: TaskConfig, progress: Progress) -> tuple[TaskName, list[TaskRow]]:
    """What is learned, and the rows of files, those of another kind left out and counted.

    Raises InputError: no such file, no usable row, E515 for records that are no task, E516 for a label that is no
    number, E517 for a row without the column `group`.
    """
    wanted = None if config.task == "auto" else _USES[config.task]
    use = wanted if wanted and len(wanted) == 1 else None
    placed = list(
        read_records(
            list(paths),
            use=None if use is None else cast(Use, use[0]),
            columns=config.columns,
            format=config.format,
            on_drop=lambda dropped: None,  # they are counted and named in what is said of their file
            on_read=lambda reading: progress.note(reading.sentence()),
        )
    )
    task = _task_of(placed) if config.task == "auto" else config.task
    return task, [_row(one, task, config.group) for one in placed]


_USES: Mapping[str, tuple[str, ...]] = {
    "classification": ("classified",), "multilabel": ("classified",), "regression": ("classified", "pair"),
    "tokens": ("tagged",), "qa": ("extract",), "embedding": ("pair",), "seq2seq": ("pair",),
}  # fmt: skip


def _task_of(placed: Sequence[Placed]) -> TaskName:
    """The task that the records are for; several labels of one text make it one of many labels."""
    kind = type(placed[0].record)
    if kind is Classified:
        records = [one.record for one in placed if isinstance(one.record, Classified)]
        return "multilabel" if any(len(one.labels) > 1 for one in records) else "classification"
    tasks: dict[type, TaskName] = {Tagged: "tokens", Extract: "qa", Pair: "embedding"}
    if kind not in tasks:
        raise InputError("train.no_task", location=placed[0].location, found=placed[0].format.title())
    return tasks[kind]


def _row(placed: Placed, task: TaskName, group: str) -> TaskRow:
    read = _READERS.get((task, type(placed.record)))
    if read is None:
        raise InputError("train.other_record", location=placed.location, found=placed.format.title(), task=task)
    text, target, kin = read(placed.record, placed.location)
    if group:
        if group not in placed.table:
            raise InputError("train.no_group", location=placed.location, column=group)
        kin = str(placed.table[group])
    family = placed.table.get("family") or placed.table.get("parent")
    return TaskRow(text, target, kin if group or not family else str(family), placed.location)


Read = Callable[[Any, str], tuple[Text, Any, str]]


def _labelled(record: Classified, location: str) -> tuple[Text, Any, str]:
    return (record.text, record.other) if record.other else record.text, record.labels, record.text


def _numbered(record: Classified, location: str) -> tuple[Text, Any, str]:
    try:
        value = float(record.labels[0])
    except ValueError:
        raise InputError("train.no_number", location=location, label=record.labels[0]) from None
    return (record.text, record.other) if record.other else record.text, value, record.text


def _alike(record: Pair, location: str) -> tuple[Text, Any, str]:
    return (record.left, record.right), record.score, record.left


def _scored(record: Pair, location: str) -> tuple[Text, Any, str]:
    if record.score is None:
        raise InputError("train.no_number", location=location, label="-")
    return _alike(record, location)


def _rewritten(record: Pair, location: str) -> tuple[Text, Any, str]:
    return record.left, record.right, record.left


def _asked(record: Extract, location: str) -> tuple[Text, Any, str]:
    return (record.question, record.context), record.answers, record.context


_READERS: Mapping[tuple[TaskName, type[Record]], Read] = {
    ("classification", Classified): _labelled,
    ("multilabel", Classified): _labelled,
    ("regression", Classified): _numbered,
    ("regression", Pair): _scored,
    ("tokens", Tagged): lambda record, location: (record.text, record.spans, record.text),
    ("qa", Extract): _asked,
    ("embedding", Pair): _alike,
    ("seq2seq", Pair): _rewritten,
}


def split_rows(rows: Sequence[TaskRow], share: float) -> tuple[list[TaskRow], list[TaskRow]]:
    """Rows to learn and rows to measure on: whole groups, of every first label about `share` of them; where groups are
    too few for that, the smallest of three or more.

    Which groups is a matter of their names alone: the same in every run, whatever the seed or the order.
    """
    strata: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        strata[_stratum(row)][row.group] = None
    chosen: set[str] = set()
    for groups in strata.values():
        ordered = sorted(groups, key=lambda name: sha256_bytes(name.encode()))
        chosen.update(ordered[: round(share * len(ordered))])
    if share and not chosen:
        chosen.update(_smallest(rows))
    held = [row for row in rows if row.group in chosen]
    return [row for row in rows if row.group not in chosen], held


def _smallest(rows: Sequence[TaskRow], least_rows: int = 20) -> list[str]:
    sizes = Counter(row.group for row in rows)
    return [min(sizes, key=lambda name: (sizes[name], name))] if len(sizes) >= 3 and len(rows) >= least_rows else []


def _stratum(row: TaskRow) -> str:
    return str(row.target[0]) if isinstance(row.target, tuple) and row.target and isinstance(row.target[0], str) else ""


def labels_of(rows: Iterable[TaskRow], task: TaskName, given: Sequence[str]) -> tuple[str, ...]:
    """Names of what is told apart: as given, else as found, sorted (numbers by size). Empty where none are.

    Raises InputError E518 for fewer than two, E519 for one that was not given, with its place.
    """
    if task in ("qa", "embedding", "seq2seq"):
        return ()
    if task == "regression":
        return tuple(given) or ("value",)
    places: dict[str, str] = {}
    for row in rows:
        names = (span.label for span in row.target) if task == "tokens" else row.target
        for name in names:
            places.setdefault(name, row.location)
    if given:
        strange = next((name for name in places if name not in given), None)
        if strange is not None:
            raise unseen(strange, places[strange], given)
        found = list(given)
    else:
        found = sorted(places, key=_order)
    if task == "tokens":
        return ("O", *(f"{position}-{name}" for name in found for position in "BI"))
    if len(found) < 2:
        raise InputError("train.one_label", label=found[0] if found else "-")
    return tuple(found)


def _order(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def check_labels(rows: Iterable[TaskRow], task: TaskName, labels: Sequence[str]) -> None:
    """Raise InputError E519 for the first label that training did not have, naming it and its line."""
    known = {label[2:] for label in labels} if task == "tokens" else set(labels)
    if task not in ("classification", "multilabel", "tokens"):
        return
    for row in rows:
        for name in (span.label for span in row.target) if task == "tokens" else row.target:
            if name not in known:
                raise unseen(name, row.location, sorted(known - {""}))


def unseen(label: str, location: str, labels: Sequence[str]) -> InputError:
    """The sentence about a label nobody has learned."""
    return InputError("train.label_unseen", label=label, location=location, known=", ".join(labels))


def counts(rows: Iterable[TaskRow]) -> dict[str, int]:
    """Rows by label."""
    return dict(Counter(name for row in rows for name in row.target).most_common())
