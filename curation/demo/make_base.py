"""Make the demo's base model, shipped in `curation/demo/base`: `python -m curation.demo.make_base [FOLDER]`.

It knows about half of the verbs and two thirds of the sums, so that a pool has something to teach it.
"""

import random
import sys
import tempfile
import zlib
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from curation.demo.draw import draw_problem
from curation.demo.one_thread import one_thread
from curation.demo.problems import KNOWN, Fact, gold_trace
from curation.demo.tokenizer import make_tokenizer
from curation.models.train import TrainSettings, train

BASE = Path(__file__).parent / "base"
STEPS, LAYERS = 1100, 2
SETTINGS = TrainSettings(
    learning_rate=3e-3, warmup=0.05, epochs=1, batch_size=64, at_once=64, weight_decay=0.01, seed=0
)


def is_known(fact: Fact) -> bool:
    """Whether the base model has met this sum: two of three, by a hash."""
    left, sign, right = fact
    return zlib.crc32(f"{left}{sign}{right}".encode()) % 3 != 0


def make_base(output: Path, *, steps: int = STEPS, layers: int = LAYERS) -> None:
    """Train the base model from random weights on clean problems; about a minute on one core.

    Args:
        output: New folder for it.
        steps: Optimiser steps.
        layers: Of the transformer; all else stays as it is.
    """
    draw = random.Random("base")
    traces = [
        gold_trace(draw_problem(draw, tuple(KNOWN), allowed=is_known))
        for _ in range(steps * SETTINGS.batch_size)
    ]
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    set_seed(0)
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        train(folder, traces, output, settings=SETTINGS, template="plain", device="cpu")


if __name__ == "__main__":
    make_base(Path(sys.argv[1]) if len(sys.argv) > 1 else BASE)
