"""The tables of each kind of published file. One row is what the comment says."""

# A trace; a row whose content is already known; a row that could not be read.
BATCH = {
    "traces": "trace_id VARCHAR, prompt VARCHAR, response VARCHAR, answer VARCHAR, system VARCHAR, "
    "metadata VARCHAR, source VARCHAR, source_row BIGINT",
    "duplicates": "trace_id VARCHAR, source VARCHAR, source_row BIGINT",
    "rejected": "source VARCHAR, line BIGINT, reason VARCHAR, raw VARCHAR",
}

# A completion whose likelihood we care about; token_weights is NULL where all are 1.
QUERIES = {
    "queries": 'query_id VARCHAR, "group" VARCHAR, prompt VARCHAR, completion VARCHAR, is_correct BOOLEAN, '
    "token_weights FLOAT[], system VARCHAR, source VARCHAR, source_row BIGINT",
}

# The run itself (one row); then one row a trace x score, a trace x step x score, a trace x score with its tokens
# (the character of the response at which each starts, and its value), a trace x query, a trace's or query's embedding,
# a trace that could not be scored.
RUN = {
    "run": "run_id VARCHAR, model VARCHAR, revision VARCHAR, adapter VARCHAR, dtype VARCHAR, device VARCHAR, "
    "parameters VARCHAR, code_version VARCHAR, started TIMESTAMP, finished TIMESTAMP, timings VARCHAR, "
    "tokens BIGINT, coverage VARCHAR, stability VARCHAR",
    "scores": "trace_id VARCHAR, name VARCHAR, value DOUBLE, standard_error DOUBLE",
    "steps": "trace_id VARCHAR, step INTEGER, start INTEGER, stop INTEGER, name VARCHAR, value DOUBLE",
    "tokens": "trace_id VARCHAR, name VARCHAR, starts INTEGER[], token_values FLOAT[]",
    "query_scores": "trace_id VARCHAR, query_id VARCHAR, value DOUBLE",
    "vectors": "trace_id VARCHAR, vector FLOAT[]",
    "query_vectors": 'query_id VARCHAR, "group" VARCHAR, vector FLOAT[]',
    "unscored": "trace_id VARCHAR, reason VARCHAR",
}

# What came later than the first published files: absent in an older one, where it counts as empty.
LATER = {"tokens"}

# A trace on the map of one run's embeddings.
MAP = {
    "map": "run_id VARCHAR, trace_id VARCHAR, x DOUBLE, y DOUBLE, cluster INTEGER",
}

# A trace that shares most of its words with others, the group that it is in (0 is the largest), and its highest Jaccard
# similarity to another one of them; how they were found (one row).
NEAR_DUPLICATES = {
    "near_duplicates": 'trace_id VARCHAR, "group" INTEGER, similarity DOUBLE',
    "near_duplicate_search": "traces BIGINT, threshold DOUBLE, shingle_words INTEGER, permutations INTEGER, seed BIGINT",
}

# An event; verdict is keep, veto or undecided; undoes is the number of the event it takes back. It is about the step
# at start to stop, characters of the response, or about the whole trace where these are NULL.
DECISIONS = {
    "decisions": "number BIGINT, trace_id VARCHAR, verdict VARCHAR, reason VARCHAR, note VARCHAR, "
    "actor VARCHAR, time TIMESTAMP, batch BIGINT, undoes BIGINT, start INTEGER, stop INTEGER",
}


def create_statements(tables: dict[str, str]) -> list[str]:
    """The CREATE TABLE statements for one kind of file. No index or key: WAL-replay failures cluster there."""
    return [f'CREATE TABLE "{name}" ({columns})' for name, columns in tables.items()]


def column_names(columns: str) -> str:
    """The names alone, for a SELECT that does not depend on the order in a file."""
    return ", ".join(column.split(" ")[0] for column in columns.split(", "))
