"""Loading a causal language model, its tokenizer and an optional PEFT adapter from a folder or a hub id."""

import ctypes
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from curation.errors import ModelError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # as malloc.h numbers them
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class LanguageModel:
    """A frozen causal language model, ready to be scored with.

    Attributes:
        module: The transformers model in evaluation mode; no parameter requires a gradient.
        tokenizer: Its tokenizer (a fast one, since steps need character offsets).
        name: Folder or hub id, as given.
        revision: Commit of the hub, or a hash of the folder's weights and configuration.
        adapter: Folder or hub id of the PEFT adapter on top; "" if there is none.
        dtype: Of weights and activations.
        device: Where it lives.
    """

    module: nn.Module
    tokenizer: Any
    name: str
    revision: str
    adapter: str
    dtype: torch.dtype
    device: torch.device

    @property
    def max_tokens(self) -> int:
        """The longest sequence that the model has positions for."""
        config = getattr(self.module, "config", None)
        return int(
            getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 2**31
        )


def load_model(
    name: str, *, adapter: str = "", dtype: str = "float32", device: str = "auto"
) -> LanguageModel:
    """Load a model for scoring: weights frozen, dropout off, dtype as asked and not as the checkpoint says.

    Args:
        name: A model folder, or a hub id (only then is anything fetched).
        adapter: A PEFT adapter's folder or hub id.
        dtype: "float32", "bfloat16", "float64", or "auto": bfloat16 where the device computes in it, else float32.
        device: "auto" (CUDA where there is one, else CPU), or a torch device.

    Raises:
        ModelError: The model, tokenizer or adapter is missing or unusable.
    """
    place = find_device(device)
    if dtype == "auto":
        dtype = "bfloat16" if computes_in_bfloat16(place) else "float32"
    if dtype not in DTYPES:
        raise ModelError(f"{dtype!r} is no dtype of ours; use one of auto, {', '.join(DTYPES)}.")
    if place.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False  # float32 is asked for where it must be exact
    else:
        keep_heap()
    module = load_module(name, DTYPES[dtype])
    if adapter:
        module = with_adapter(module, adapter)
    module.requires_grad_(False).eval().to(place)
    tokenizer = load_tokenizer(name)
    revision = getattr(module.config, "_commit_hash", None) or fingerprint(Path(name))
    if adapter and Path(adapter).is_dir():
        revision += "+" + fingerprint(Path(adapter))
    return LanguageModel(module, tokenizer, name, revision, adapter, DTYPES[dtype], place)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies matrices faster in bfloat16 than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    flags = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16"))


def keep_heap() -> None:
    """Let the C library keep memory that tensors gave back, in place of returning it to the system at once.

    Else every large tensor is new pages, which the system must first clear: 4 x the time of filling 50 MB. Only glibc
    has these settings.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def find_device(name: str) -> torch.device:
    """The device of a name; "auto" is CUDA where there is one, else the CPU.

    Raises:
        ModelError: There is no such device here.
    """
    try:
        place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"There is no device {name!r} on this machine; use auto or cpu.") from error
    return place


def load_module(name: str, dtype: torch.dtype) -> Any:
    """The bare transformers model of a folder or hub id.

    Raises:
        ModelError: It cannot be loaded as a causal language model.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    local = is_local(name)
    try:
        return AutoModelForCausalLM.from_pretrained(name, dtype=dtype, local_files_only=local)
    except Exception as error:
        raise ModelError(f"The model {name} cannot be loaded: {first_line(error)}") from error


def load_tokenizer(name: str) -> Any:
    """The fast tokenizer of a folder or hub id.

    Raises:
        ModelError: There is none.
    """
    from transformers import AutoTokenizer

    local = is_local(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    except Exception as error:
        raise ModelError(f"The tokenizer of {name} cannot be loaded: {first_line(error)}") from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {name} gives no character offsets; save its fast version beside it."
        )
    return tokenizer


def is_local(name: str) -> bool:
    """Whether a name is a folder here, and not the id of something on a hub.

    Raises:
        ModelError: It looks like a path, but nothing is there.
    """
    path = Path(name).expanduser()
    if not path.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ModelError(f"There is no model folder {name}; give an existing folder or a hub id.")
    return path.is_dir() or os.environ.get("HF_HUB_OFFLINE") == "1"


def with_adapter(module: nn.Module, adapter: str, *, trainable: bool = False) -> Any:
    """A model with a PEFT adapter on top, of which only the adapter can be trained, or nothing.

    Raises:
        ModelError: The adapter, or the extra `peft`, is missing or unusable.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise ModelError("An adapter needs the peft extra: pip install 'curation[peft]'.") from error
    local = is_local(adapter)
    try:
        return PeftModel.from_pretrained(module, adapter, local_files_only=local, is_trainable=trainable)
    except Exception as error:
        raise ModelError(f"The adapter {adapter} cannot be loaded: {first_line(error)}") from error


def fingerprint(folder: Path) -> str:
    """12 hex digits of the hash of a folder's weights and configuration; of the name alone if it is no folder."""
    digest = hashlib.sha256()
    if not folder.is_dir():
        digest.update(str(folder).encode())
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix in WEIGHTS or path.name in ("config.json", "adapter_config.json", "tokenizer.json"):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def first_line(error: Exception) -> str:
    """The first sentence of another library's error, for a message of ours."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no message'}"
