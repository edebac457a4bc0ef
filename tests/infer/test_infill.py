"""What models are asked so that they fill blanks, and how their answers are read."""

from __future__ import annotations

import pytest
import tokenizers
from tests.infer import vocabulary
from tokenizers import models, pre_tokenizers

from hanlin.base.errors import InputError
from hanlin.infer.infill import Task, filled, filler_for, no_filler, parts_of, pieces_of
from hanlin.text.tokenizer import Tokenizer

SENTINELS = tuple(f"<extra_id_{number}>" for number in range(3))
FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")


def made(*control: str) -> Tokenizer:
    """Words and control tokens; ids in this order: </s>, the control tokens, w0, w1 …"""
    vocab = {piece: id for id, piece in enumerate(["</s>", "<unk>", *control, *vocabulary.WORDS])}
    core = tokenizers.Tokenizer(models.WordLevel(vocab, "<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(["</s>", "<unk>", *control])
    named = {"eos_token": "</s>", **({"mask_token": "[MASK]"} if "[MASK]" in control else {})}
    return Tokenizer(core, named)


def test_sentinels_stand_for_blanks_and_name_what_fills_them():
    tokenizer = made(*SENTINELS)
    w = tokenizer.encode
    task = filler_for(tokenizer, "encoder_decoder").task(pieces_of("w1 ____ w2 ____ w3"))
    assert task.prompt == tuple(tokenizer.frame([*w("w1"), 2, *w("w2"), 3, *w("w3")]))
    assert (task.sentinels, task.stop_ids) == ((2, 3), (4,))
    answer = [2, *w("w7 w8"), 3, *w("w9"), 4, *w("w5"), 0]
    assert parts_of(answer, task, tokenizer) == ["w7 w8", "w9"]
    assert parts_of([3, *w("w9"), 0], task, tokenizer) == ["", "w9"], "a part that was left out is empty"
    assert filled(["w1 ", " w2 ", " w3"], ["w7 w8", "w9"]).text == "w1 w7 w8 w2 w9 w3"
    with pytest.raises(InputError) as error:
        filler_for(tokenizer, "encoder_decoder").task(pieces_of("____".join("abcde")))
    assert error.value.code == "E620"


def test_a_decoder_reads_prefix_and_suffix_before_the_middle():
    tokenizer = made(*FIM)
    w = tokenizer.encode
    task = filler_for(tokenizer, "decoder").task(["w1 w2", "w3"])
    begin, _ = tokenizer.around  # as plain texts of such a vocabulary begin
    assert task == Task((*begin, 2, *w("w1 w2"), 4, *w("w3"), 3))
    assert parts_of(w("w5"), task, tokenizer) == ["w5"]
    with pytest.raises(InputError) as error:
        filler_for(tokenizer, "decoder").task(["w1", "w2", "w3"])
    assert error.value.code == "E620"


def test_a_blank_that_is_written_as_a_mask_is_asked_by_it():
    """[sMASK] stands for whole sentences; a vocabulary without it is asked as ever."""
    tokenizer = made("[MASK]", "[sMASK]", "<sop>", "<eop>")
    w = tokenizer.encode
    pieces = pieces_of("w1 [sMASK] w2", "[sMASK]")
    assert filler_for(tokenizer, "prefix", "[sMASK]").task(pieces) == Task((*w("w1"), 3, *w("w2"), 4), (5,), blank=1)
    assert filler_for(tokenizer, "prefix").task(pieces).prompt[1] == 2
    assert filler_for(made("[MASK]"), "prefix", "[sMASK]").task(pieces).prompt[1] == 2


def test_a_prefix_model_writes_behind_the_masked_text():
    tokenizer = made("[MASK]", "<sop>", "<eop>")
    w = tokenizer.encode
    task = filler_for(tokenizer, "prefix").task(["w1", "w2"])
    assert task == Task((*w("w1"), 2, *w("w2"), 3), (4,), blank=1)
    many = filler_for(tokenizer, "prefix").task(["w1", "w2", "w3"])
    assert many == Task((*w("w1"), 2, *w("w2"), 2, *w("w3"), 3), (4,), blank=1)


def test_blanks_are_found_as_told_or_as_vocabularies_write_them(lang):
    assert pieces_of("a ____ b") == ["a ", " b"]
    assert pieces_of("a ? b", "?") == ["a ", " b"]
    assert pieces_of("a <extra_id_0> b [MASK]") == ["a ", " b ", ""]
    with pytest.raises(InputError) as error:
        pieces_of("a b")
    assert error.value.code == "E619" and "____" in str(error.value)


@pytest.mark.parametrize("arch", ["decoder", "prefix", "encoder_decoder"])
def test_a_vocabulary_without_blanks_is_told(arch, lang):
    assert filler_for(made(), arch) is None
    assert no_filler(arch).code == "E621"
