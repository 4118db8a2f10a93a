"""A query's id says which completion of which group it is."""

from array import array
from dataclasses import replace

from curation.traces.query import Query

QUERY = Query("gold", "What is 1 + 1?", "2")


def test_id_depends_on_group_texts_and_weights_and_not_on_the_verdict() -> None:
    others = [
        replace(QUERY, group="correct"),
        replace(QUERY, prompt="What?"),
        replace(QUERY, completion="3"),
        replace(QUERY, system="Be brief."),
        replace(QUERY, token_weights=(1.0,)),
        replace(QUERY, token_weights=(0.5,)),
    ]
    assert len({query.query_id for query in [QUERY, *others]}) == 7
    assert replace(QUERY, is_correct=True).query_id == QUERY.query_id


def test_id_survives_the_storage_of_weights_in_32_bits() -> None:
    weighted = replace(QUERY, token_weights=(0.1, -2.7))
    stored = replace(QUERY, token_weights=tuple(array("f", (0.1, -2.7))))
    assert weighted.token_weights != stored.token_weights
    assert weighted.query_id == stored.query_id
