from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig, PreTrainedTokenizerFast

from curation.models.encode import encode
from curation.models.generate import Generated, Prompt, generate
from curation.models.load import LanguageModel, load_model
from curation.models.sampling import Sampling
from tests.tiny import CONFIGS, save_tiny

WORDS = " ".join(f"w{i}" for i in range(45))
PROMPTS = [Prompt(" ".join(f"w{(i * k) % 45}" for k in range(1, i + 2))) for i in (1, 8, 3, 15, 2, 20, 8)]
LIMIT = 12


def all_of(model: LanguageModel, prompts: list[Prompt] = PROMPTS, **settings: object) -> list[Generated]:
    made: dict[int, Generated] = {}
    for batch in generate(model, prompts, **{"max_new_tokens": LIMIT, **settings}):  # type: ignore[arg-type]
        made |= batch
    return [made[index] for index in range(len(prompts))]


def by_hand(model: LanguageModel, prompt: Prompt, limit: int = LIMIT) -> list[int]:
    """The most likely token again and again, one sequence, no padding, no cache."""
    encoded = encode(model.tokenizer, prompt.text, "")
    ids = list(encoded.ids[: encoded.prompt_length])
    made: list[int] = []
    while len(made) < limit and (not made or made[-1] != model.tokenizer.eos_token_id):
        with torch.no_grad():
            logits = model.module(input_ids=torch.tensor([ids + made]), use_cache=False).logits
        made.append(int(logits[0, -1].argmax()))
    return made


def text_of(model: LanguageModel, tokens: list[int]) -> str:
    ends = tokens and tokens[-1] == model.tokenizer.eos_token_id
    return str(model.tokenizer.decode(tokens[:-1] if ends else tokens, skip_special_tokens=True))


@pytest.mark.parametrize("family", sorted(CONFIGS))
def test_a_padded_batch_says_what_each_prompt_alone_gets(tmp_path: Path, family: str) -> None:
    folder = save_tiny(tmp_path / "model", family, WORDS, seed=3)
    # Loaded by its family's name, the tokenizer of words would be taken for one of that family.
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    model = replace(load_model(str(folder)), tokenizer=words)
    made = all_of(model)
    for prompt, one in zip(PROMPTS, made, strict=True):
        tokens = by_hand(model, prompt)
        assert one.completion == text_of(model, tokens)
        assert one.tokens == len(tokens)
        assert one.finished == (tokens[-1] == model.tokenizer.eos_token_id)
    assert len({one.completion for one in made}) > 1
    assert all_of(model, token_budget=1) == made


@pytest.fixture
def model(tmp_path: Path) -> LanguageModel:
    return load_model(str(save_tiny(tmp_path / "model", "llama", WORDS, seed=3)))


def test_generation_stops_at_the_end_token_and_says_so(model: LanguageModel) -> None:
    head = model.module.get_output_embeddings()  # type: ignore[operator]
    body_end = by_hand(model, PROMPTS[0])[2]
    with torch.no_grad():
        head.weight[model.tokenizer.eos_token_id] = head.weight[body_end] * 1.01
    made = all_of(model)[0]
    assert made.finished
    assert made.tokens <= 3
    assert "</s>" not in made.completion


def test_every_end_token_of_the_model_counts(model: LanguageModel) -> None:
    third = by_hand(model, PROMPTS[0])[2]
    model.module.generation_config = GenerationConfig(eos_token_id=[1, third])  # type: ignore[assignment]
    made = all_of(model)[0]
    assert (made.finished, made.tokens <= 3) == (True, True)


def test_the_models_own_penalties_and_sampling_are_left_out(model: LanguageModel) -> None:
    plain = all_of(model)
    noisy = GenerationConfig(do_sample=True, temperature=5.0, repetition_penalty=9.0, min_new_tokens=11)
    model.module.generation_config = noisy  # type: ignore[assignment]
    assert all_of(model) == plain
    assert model.module.generation_config is noisy  # type: ignore[comparison-overlap]


def test_skipping_changes_no_other_answer(model: LanguageModel) -> None:
    whole = all_of(model)
    rest: dict[int, Generated] = {}
    for batch in generate(model, PROMPTS, max_new_tokens=LIMIT, skip={0, 2, 3}):
        rest |= batch
    assert rest == {index: one for index, one in enumerate(whole) if index not in {0, 2, 3}}


def test_a_completion_ends_where_the_models_positions_end(model: LanguageModel) -> None:
    prompts = [Prompt(" ".join(["w3"] * count)) for count in (4, 60, 62, 64, 80)]
    made = all_of(model, prompts, max_new_tokens=500)
    room = [64 - encode(model.tokenizer, prompt.text, "").prompt_length for prompt in prompts]
    assert [one.tokens for one in made] == [max(0, left) for left in room]
    assert made[0].completion == text_of(model, by_hand(model, prompts[0], room[0]))
    assert not any(one.finished for one in made)
    assert made[-1] == Generated("", 0, False)


def test_the_project_template_and_system_message_reach_the_model(model: LanguageModel) -> None:
    asked = [Prompt("w5 w6", system="w7")]
    told = all_of(model, asked, template="w9 {system} w8 {prompt} w4")
    spelled = all_of(model, [Prompt("w9 w7 w8 w5 w6 w4")], template="{prompt}")
    assert told == spelled
    assert told != all_of(model, asked, template="plain")


def test_a_tokenizer_without_padding_works(model: LanguageModel) -> None:
    made = all_of(model)
    model.tokenizer.pad_token = None
    assert all_of(replace(model)) == made


def test_a_sample_depends_on_its_seed_and_on_nothing_beside_it(model: LanguageModel) -> None:
    sampling, seeds = Sampling(temperature=1.0), [5, 6, 7, 8, 9, 10, 5]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    made = all_of(model, sampling=sampling, seeds=seeds)
    assert torch.equal(torch.get_rng_state(), before)
    assert made == all_of(model, sampling=sampling, seeds=seeds)
    assert made == all_of(model, sampling=sampling, seeds=seeds, token_budget=1)
    others = all_of(model, sampling=sampling, seeds=[seed + 100 for seed in seeds])
    assert [one.completion for one in made] != [one.completion for one in others]
    assert (
        len({one.completion for one in all_of(model, [PROMPTS[0]] * 7, sampling=sampling, seeds=seeds)}) == 6
    )


def test_samples_near_temperature_zero_and_of_the_smallest_nucleus_are_the_most_likely(
    model: LanguageModel,
) -> None:
    seeds = list(range(len(PROMPTS)))
    for sampling in (Sampling(temperature=1e-6), Sampling(temperature=1.0, top_p=1e-9)):
        assert all_of(model, sampling=sampling, seeds=seeds) == all_of(model)
