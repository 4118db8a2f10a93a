"""Tiny random models of several families, made on the spot, and a tokenizer of whole words."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from curation.models.encode import Encoded
from curation.models.load import LanguageModel

VOCABULARY = 50
GATED: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
GROUPED = {**GATED, "num_key_value_heads": 1, "head_dim": 8}
CONFIGS = {
    "llama": LlamaConfig(**GROUPED),
    "llama-tied": LlamaConfig(**GROUPED, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**GATED, num_key_value_heads=1),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=1
    ),
    "gpt-neox": GPTNeoXConfig(**GATED),
    "gemma": GemmaConfig(**GROUPED),
    "gemma2": Gemma2Config(**GROUPED),
}


def tiny_module(family: str, seed: int = 0) -> Any:
    """A random model in float32."""
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(CONFIGS[family])


def tiny_model(family: str, dtype: torch.dtype = torch.float64) -> LanguageModel:
    """A random frozen model, without a tokenizer."""
    module = tiny_module(family).to(dtype).eval().requires_grad_(False)
    return LanguageModel(module, None, family, "", "", dtype, torch.device("cpu"))


def tiny_adapted() -> LanguageModel:
    """A random Llama with a random LoRA adapter on two of its layers, frozen."""
    module = get_peft_model(
        tiny_module("llama"),
        LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False),
    )
    module = module.double().eval().requires_grad_(False)
    return LanguageModel(module, None, "llama", "", "adapter", torch.float64, torch.device("cpu"))


def tiny_sequences(*lengths: tuple[int, int], seed: int = 0) -> list[Encoded]:
    """Random sequences of (tokens, prompt tokens)."""
    torch.manual_seed(seed)
    return [
        Encoded(tuple(torch.randint(2, VOCABULARY, (total,)).tolist()), prompt, tuple(range(total - prompt)))
        for total, prompt in lengths
    ]


def save_tiny(folder: Path, family: str = "llama", words: str = "", seed: int = 0) -> Path:
    """A model folder with a tokenizer that knows the words of a text; others are unknown."""
    known = ["<s>", "</s>", "<unk>", *dict.fromkeys(words.split())][:VOCABULARY]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )
    tiny_module(family, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
