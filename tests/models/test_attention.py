"""Packed sequences come out of a model as they do alone."""

import pytest
import torch

from curation.models import attention
from curation.models.attention import can_pack, last_hidden, packed, packed_attention
from curation.models.batches import length_sorted, token_batch
from tests.tiny import CONFIGS, tiny_model, tiny_sequences

SEQUENCES = tiny_sequences((7, 3), (30, 2), (9, 8), (5, 1), (12, 6))
WINDOWED = {"gemma2"}


def strong(family: str) -> torch.nn.Module:
    """A model whose attention matters: random weights ten times the usual size."""
    module = tiny_model(family).module
    for parameter in module.parameters():
        parameter.mul_(10 if parameter.ndim > 1 else 1)
    return module


def alone(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([last_hidden(module, torch.tensor(one.ids), None)[0] for one in SEQUENCES])


@pytest.mark.parametrize("dual", [False, True])
@pytest.mark.parametrize("family", sorted(CONFIGS))
def test_packing_changes_nothing(family: str, dual: bool) -> None:
    module = strong(family)
    batch = token_batch(SEQUENCES, range(5))
    with torch.no_grad():
        expected = alone(module)
        with packed_attention(module), packed(batch, dual=dual):
            found = last_hidden(module, batch.ids, batch.positions)[0]
        without = last_hidden(module, batch.ids, None)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (
        without - expected
    ).abs().max() > 0.01  # the test would see a sequence that looks at its neighbour


def test_a_window_is_kept() -> None:
    module = strong("gemma2")
    module.config.sliding_window = 4
    for layer in module.model.layers:
        if layer.self_attn.sliding_window:
            layer.self_attn.sliding_window = 4
    batch = token_batch(SEQUENCES, range(5))
    with torch.no_grad():
        expected = alone(module)
        with packed_attention(module), packed(batch):
            found = last_hidden(module, batch.ids, batch.positions)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_the_plain_formula_and_the_kernel_agree_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tiny_model("llama", torch.bfloat16).module
    batch = token_batch(SEQUENCES, range(5))
    with torch.no_grad(), packed_attention(module), packed(batch):
        plain = last_hidden(module, batch.ids, batch.positions)[0]
        monkeypatch.setattr(attention, "PLAIN_TOKENS", 0)
        kernel = last_hidden(module, batch.ids, batch.positions)[0]
    assert not torch.equal(plain, kernel)
    torch.testing.assert_close(plain, kernel, rtol=0.05, atol=0.05)


def test_a_model_that_cannot_be_packed_says_so_and_is_left_as_it_was() -> None:
    module = tiny_model("llama").module
    own = module.model.layers[0].self_attn.forward
    # An attention of its own, that does not ask by name: it sees everything that comes before.
    module.model.layers[0].self_attn.forward = lambda hidden_states, **_: (hidden_states.cumsum(1), None)
    assert not can_pack(module)
    assert module.config._attn_implementation != attention.NAME
    module.model.layers[0].self_attn.forward = own
    assert not can_pack(module)  # it is asked once
    assert can_pack(tiny_model("llama").module)


def test_batches_hold_what_the_sequences_say() -> None:
    batch = token_batch(SEQUENCES, [3, 0, 2])
    assert batch.order == (3, 0, 2)
    assert batch.lengths == (5, 7, 9)
    assert batch.spans == [(0, 5), (5, 12), (12, 21)]
    assert batch.ids.tolist() == [*SEQUENCES[3].ids, *SEQUENCES[0].ids, *SEQUENCES[2].ids]
    assert batch.positions.tolist() == [*range(5), *range(7), *range(9)]
    assert batch.targets.tolist() == [*SEQUENCES[3].ids[1:], *SEQUENCES[0].ids[3:], *SEQUENCES[2].ids[8:]]
    assert batch.loss_places.tolist() == [0, 1, 2, 3, 7, 8, 9, 10, 19]
    assert batch.loss_rows.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    values = torch.arange(21.0).unsqueeze(1)
    rows = batch.rows(values).squeeze(2)
    assert rows[0].tolist() == [0, 1, 2, 3, 4, 0, 0, 0, 0]
    assert rows.sum() == values.sum()
    assert {i: len(part) for i, part in batch.split_by_row(batch.targets).items()} == {3: 4, 0: 4, 2: 1}


def test_a_batch_stays_within_its_budget_unless_a_sequence_alone_exceeds_it() -> None:
    batches = length_sorted(SEQUENCES, 21)
    assert [[len(SEQUENCES[i]) for i in batch] for batch in batches] == [[5, 7, 9], [12], [30]]
    assert length_sorted(SEQUENCES, 1000, alone=True) == [[i] for [i] in length_sorted(SEQUENCES, 1)]
