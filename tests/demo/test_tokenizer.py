from curation.demo.pool import make_pool
from curation.demo.tokenizer import make_tokenizer


def test_every_text_of_a_pool_comes_back_exactly_and_no_token_is_unknown() -> None:
    tokenizer = make_tokenizer()
    for trace in make_pool(5).traces:
        for text in (f"{trace.prompt}\n", trace.response):
            ids = tokenizer(text)["input_ids"]
            assert tokenizer.decode(ids) == text
            assert tokenizer.unk_token_id not in ids


def test_offsets_cover_the_text_and_a_number_is_one_token() -> None:
    text = "First, 12 + 7 = 19.\nThe answer is 19."
    spans = make_tokenizer()(text, return_offsets_mapping=True)["offset_mapping"]
    assert "".join(text[start:stop] for start, stop in spans) == text
    assert [text[start:stop] for start, stop in spans].count(" 19") == 2
