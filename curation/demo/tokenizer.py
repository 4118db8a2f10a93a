"""A tokenizer of whole words and whole numbers that gives every text of the demo back exactly."""

import re
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from curation.demo.flaws import FILLERS
from curation.demo.problems import (
    FACTORS,
    LARGEST,
    NAMES,
    ORDINALS,
    SIGNS,
    THINGS,
    Move,
    Problem,
    answer_line,
    step_line,
)

# A word or a sign with the space before it, or a line break.
PIECE = r" ?\w+| ?[^\w\s]|\n|\s"
SPECIAL = ("<pad>", "<eos>", "<unk>")


def vocabulary() -> list[str]:
    """Every token, special ones first, in a fixed order."""
    texts: list[str] = ["\n", *(f" {number}" for number in range(LARGEST + 1)), *FILLERS, answer_line(0)]
    moves = tuple(Move(verb, FACTORS.get(verb, 2)) for verb in SIGNS)
    for name, thing in zip(NAMES, THINGS, strict=True):
        problem = Problem(name, thing, 20, moves)
        texts.append(problem.prompt)
    texts += [step_line(place, 10, sign, 2, 12) for place in range(len(ORDINALS)) for sign in "+-×"]
    return list(dict.fromkeys([*SPECIAL, *_pieces(texts)]))


def _pieces(texts: Iterable[str]) -> Iterable[str]:
    return (piece for text in texts for piece in re.findall(PIECE, text))


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Build the demo's tokenizer, with offsets, an end and a padding token, and no chat template."""
    words = {token: number for number, token in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECE), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
