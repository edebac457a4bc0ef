"""A checkpoint is whole or not there: killed, starved, damaged, pruned, and read back bit for bit."""

from __future__ import annotations

import errno
import json
import os
import subprocess

import pytest
import torch

from hanlin.base import files
from hanlin.base.errors import BundleError, DiskFull
from hanlin.bundle.checkpoint import (
    best_checkpoint,
    latest_checkpoint,
    list_checkpoints,
    load_checkpoint,
    mark_best,
    prune_checkpoints,
    read_state,
    save_checkpoint,
    step_folder,
    verify_checkpoint,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def save(run, step, training, **state):
    model, optimizer = training
    return save_checkpoint(step_folder(run, step), model=model, optimizer=optimizer, state={"step": step, **state})


def test_everything_comes_back_bit_for_bit(tmp_path, make_training):
    model, optimizer = make_training(seed=1)
    optimizer.slots["step"] += 41
    torch.manual_seed(9)
    folder = save(tmp_path, 5, (model, optimizer), losses=[0.1, 2.5e-8], loader={"row": 3})
    expected = torch.rand(4)
    other, blank = make_training(value=7.0)
    torch.manual_seed(0)
    state = load_checkpoint(folder, model=other, optimizer=blank)
    assert state == {"step": 5, "losses": [0.1, 2.5e-8], "loader": {"row": 3}}
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(optimizer.slots[name], value) for name, value in blank.slots.items())
    assert torch.equal(torch.rand(4), expected), "the random generator goes on where it was"


def test_a_transformer_with_a_tied_head_comes_back(tmp_path, build_tiny):
    model, other = build_tiny(seed=1), build_tiny(seed=2)
    folder = save_checkpoint(tmp_path / "one", model=model, optimizer=Nothing(), state={})
    load_checkpoint(folder, model=other, optimizer=Nothing())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert other.head.weight is other.embeddings.tokens.weight


class Nothing:
    """Plain SGD: an optimizer without a state."""

    def state_tensors(self):
        return {}

    def load_state_tensors(self, tensors):
        assert not tensors


def test_weights_alone_can_be_loaded_without_touching_the_generators(tmp_path, make_training):
    folder = save(tmp_path, 1, make_training(seed=1))
    model, _ = make_training(seed=2)
    before = torch.get_rng_state()
    load_checkpoint(folder, model=model, generators=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(model["head"].weight, make_training(seed=1)[0].head.weight)


def test_the_files_are_safetensors_and_json_only(tmp_path, make_training):
    folder = save(tmp_path, 1, make_training())
    names = ["model.safetensors", "optimizer.safetensors", "rng.safetensors", "state.json"]
    assert sorted(path.name for path in folder.iterdir()) == names


@pytest.mark.parametrize("half", [False, True], ids=["before", "half-done"])
def test_killed_at_any_moment_the_earlier_checkpoint_stands(tmp_path, make_training, kill, half):
    old, new = make_training(value=1.0), make_training(value=2.0)
    save(tmp_path, 1, old)
    before = kill.snapshot(step_folder(tmp_path, 1))
    number = kill.count_points(lambda: save(tmp_path / "other", 2, new))
    assert number >= 20
    for point in range(number):
        kill.killed_at(point, lambda: save(tmp_path, 2, new), half=half)
        latest = latest_checkpoint(tmp_path, note=pytest.fail)
        model, optimizer = make_training()
        state = load_checkpoint(latest, model=model, optimizer=optimizer)
        assert float(model["head"].weight.detach()[0, 0]) == state["step"], "never a mixture"
        assert kill.snapshot(step_folder(tmp_path, 1)) == before
        if latest == step_folder(tmp_path, 2):
            kill.remove(latest)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000001"], "nothing left lying about"


@pytest.mark.parametrize("half", [False, True], ids=["before", "half-done"])
def test_killed_while_replacing_a_checkpoint_one_of_the_two_stands(tmp_path, make_training, kill, half):
    old, new = make_training(value=1.0), make_training(value=2.0)
    save(tmp_path, 1, old, version=1)
    number = kill.count_points(lambda: save(tmp_path, 1, old, version=1))
    for point in range(number):
        kill.killed_at(point, lambda: save(tmp_path, 1, new, version=2), half=half)
        model, optimizer = make_training()
        state = load_checkpoint(latest_checkpoint(tmp_path, note=pytest.fail), model=model, optimizer=optimizer)
        assert float(model["head"].weight.detach()[0, 0]) == state["version"]
        save(tmp_path, 1, old, version=1)


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path, make_training, monkeypatch, kill):
    save(tmp_path, 1, make_training(value=1.0))
    before = kill.snapshot(step_folder(tmp_path, 1))
    number = kill.count_points(lambda: save(tmp_path / "other", 2, make_training()))
    for point in range(number):
        left = [point]
        with monkeypatch.context() as patch:
            for name in kill.points:
                patch.setattr(files, name, starving(getattr(files, name), left))
            with pytest.raises(DiskFull) as error:
                save(tmp_path, 2, make_training(value=2.0))
        assert str(tmp_path) in str(error.value)
        assert kill.snapshot(step_folder(tmp_path, 1)) == before
        latest_checkpoint(tmp_path, note=pytest.fail)


def starving(original, left):
    def run(*args):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*args)

    return run


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full_leaves_the_earlier_checkpoint(tmp_path, make_training):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "none", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mount: {mounted.stderr.strip()}")
    try:
        save(disk, 1, make_training(value=1.0))
        with pytest.raises(DiskFull) as error:
            for step in range(2, 9):
                save(disk, step, make_training(value=2.0))
        assert error.value.exit_code == 4
        assert verify_checkpoint(step_folder(disk, 1)) == {"step": 1}
        assert latest_checkpoint(disk, note=pytest.fail) == list_checkpoints(disk)[-1]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("kind", ["truncated", "flipped", "empty", "gone"])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "rng.safetensors", "state.json"])
def test_damage_anywhere_is_found_named_and_nothing_is_loaded(tmp_path, make_training, damage, name, kind, lang):
    folder = save(tmp_path, 2, make_training(value=2.0))
    damage(folder / name, kind)
    model, optimizer = make_training(value=5.0)
    with pytest.raises(BundleError) as error:
        load_checkpoint(folder, model=model, optimizer=optimizer)
    assert name in str(error.value)
    assert error.value.code in {"E450", "E451", "E452"}
    assert all((parameter == 5.0).all() for parameter in model.parameters())


def test_a_damaged_newest_one_is_passed_over_and_said_so(tmp_path, make_training, damage):
    first, second = save(tmp_path, 1, make_training()), save(tmp_path, 2, make_training())
    damage(second / "model.safetensors", "flipped")
    notes = []
    assert latest_checkpoint(tmp_path, note=notes.append) == first
    assert len(notes) == 1
    assert "step-000002" in notes[0]
    assert "model.safetensors" in notes[0]


def test_without_a_listener_the_note_goes_to_stderr(tmp_path, make_training, damage, capsys):
    damage(save(tmp_path, 1, make_training()) / "state.json", "empty")
    assert latest_checkpoint(tmp_path) is None
    assert "step-000001" in capsys.readouterr().err


def test_a_run_without_checkpoints_has_none(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert list_checkpoints(tmp_path) == []
    assert best_checkpoint(tmp_path) is None
    with pytest.raises(BundleError) as error:
        read_state(step_folder(tmp_path, 1))
    assert error.value.code == "E453"


def test_another_models_checkpoint_is_refused_naming_every_tensor(tmp_path, make_training):
    folder = save(tmp_path, 1, make_training())
    wider = torch.nn.ModuleDict({"head": torch.nn.Linear(5, 3), "gate": torch.nn.Linear(1, 1, bias=False)})
    with pytest.raises(BundleError) as error:
        load_checkpoint(folder, model=wider)
    assert error.value.code == "E455"
    assert "gate.weight is missing" in str(error.value)
    assert "head.weight is 3 x 4 and should be 3 x 5" in str(error.value)
    narrow = torch.nn.ModuleDict({"head": torch.nn.Linear(4, 3, bias=False)})
    with pytest.raises(BundleError, match=r"head.bias has no place"):
        load_checkpoint(folder, model=narrow)


def test_pruning_keeps_the_newest_and_the_best(tmp_path, make_training):
    training = make_training()
    folders = [save(tmp_path, step, training) for step in (1, 20, 300, 4000, 1_000_000)]
    mark_best(tmp_path, folders[1])
    gone = prune_checkpoints(tmp_path, keep=2)
    assert gone == [folders[0], folders[2]]
    assert list_checkpoints(tmp_path) == [folders[1], folders[3], folders[4]]
    assert best_checkpoint(tmp_path) == folders[1]
    assert (tmp_path / "checkpoints" / "best.txt").read_text() == "step-000020\n"


def test_a_pruning_cut_short_leaves_no_half_checkpoint(tmp_path, make_training, monkeypatch):
    training = make_training()
    folders = [save(tmp_path, step, training) for step in (1, 2)]
    monkeypatch.setattr("shutil.rmtree", lambda *args, **kwargs: None)  # as if killed before the removal
    prune_checkpoints(tmp_path, keep=1)
    assert list_checkpoints(tmp_path) == [folders[1]]
    monkeypatch.undo()
    prune_checkpoints(tmp_path, keep=1)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-000002"]


def test_the_best_one_may_be_gone(tmp_path, make_training):
    folder = save(tmp_path, 1, make_training())
    mark_best(tmp_path, folder)
    (tmp_path / "checkpoints" / "best.txt").write_text("step-000099\n")
    assert best_checkpoint(tmp_path) is None


def test_state_that_json_cannot_hold_is_a_mistake_of_ours(tmp_path, make_training):
    with pytest.raises(ValueError, match="JSON"):
        save(tmp_path, 1, make_training(), loss=float("nan"))
    assert list_checkpoints(tmp_path) == []


def test_the_seal_covers_the_state_itself(tmp_path, make_training):
    folder = save(tmp_path, 1, make_training(), tokens=1000)
    record = json.loads((folder / "state.json").read_text())
    record["state"]["tokens"] = 9999
    (folder / "state.json").write_text(json.dumps(record))
    with pytest.raises(BundleError) as error:
        read_state(folder)
    assert error.value.code == "E450"
