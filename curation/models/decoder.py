"""A model's decoder layers, and what comes out of them."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from curation.errors import ModelError


def decoder_layers(module: nn.Module) -> list[nn.Module]:
    """The decoder layers in their order, counted from 0: the one list of modules that is as long as the model is deep.

    What comes out of layer l is transformers' `hidden_states[l + 1]`, but for the last one, which that gives normalised.

    Raises:
        ModelError: The model has no such list, or several.
    """
    config: Any = getattr(module, "config", None)
    depth = getattr(config, "num_hidden_layers", 0)
    found = [one for one in module.modules() if isinstance(one, nn.ModuleList) and len(one) == depth]
    outermost = [
        one for one in found if not any(one in other.modules() for other in found if other is not one)
    ]
    if not depth or len(outermost) != 1:
        raise ModelError("The decoder layers of this model are not found, so it can have no concept.")
    return list(outermost[0])


@contextmanager
def layers_seen(
    module: nn.Module, layers: Collection[int], see: Callable[[int, Tensor], None]
) -> Iterator[None]:
    """Tell, in the block, of the (N, H) output of each of these decoder layers, with its graph where there is one."""
    with ExitStack() as stack:
        blocks = decoder_layers(module) if layers else []
        for number in sorted(layers):

            def hook(_: nn.Module, __: Any, output: Any, number: int = number) -> None:
                see(number, (output if isinstance(output, Tensor) else output[0])[0])

            stack.callback(blocks[number].register_forward_hook(hook).remove)
        yield
