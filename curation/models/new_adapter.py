"""A LoRA adapter that nothing has been learned in yet."""

from typing import Any

from curation.errors import ModelError
from curation.models.train_settings import TrainSettings


def with_new_adapter(network: Any, settings: TrainSettings) -> Any:
    """A model with a fresh adapter on all linear layers; only the adapter's weights are to be trained.

    Raises:
        ModelError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError("LoRA needs the peft extra: pip install 'curation[peft]'.") from error
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules="all-linear",
    )
    adapted = get_peft_model(network, config)
    # peft keeps a set, which it would write down in another order in every process.
    written = adapted.peft_config["default"]
    written.target_modules = sorted(written.target_modules)
    return adapted
