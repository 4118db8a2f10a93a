#!/usr/bin/env bash
# The main job on real input: GSM8K traces scored with a real language model, read, vetoed, exported, verified.
# MODEL, DATA and PROJECT are given by `make real`; TRACES and QUERIES say how many.
set -euo pipefail
curation() { "$PYTHON" -m curation.cli "$@"; }
TRACES=${TRACES:-200} QUERIES=${QUERIES:-16}

if [ -d "$DATA" ]; then
    train="$DATA/train.jsonl" test="$DATA/test.jsonl" solutions="$DATA/example_model_solutions.jsonl" train_split=()
else
    train="$DATA" test="$DATA" solutions="" train_split=(--split train)
fi

[ -f "$PROJECT/project.toml" ] || curation init "$PROJECT" --name "GSM8K"
curation ingest "$PROJECT" "$train" ${train_split[@]+"${train_split[@]}"} --limit "$TRACES"
if [ -n "$solutions" ]; then
    curation queries "$PROJECT" "$test" --group gold --limit "$QUERIES"
    curation queries "$PROJECT" "$solutions" --limit "$QUERIES"
else
    curation queries "$PROJECT" "$test" --split test --group gold --limit "$QUERIES"
    curation rollouts "$PROJECT" "$test" --split test --model "$MODEL" --limit "$((QUERIES * 4))"
fi

# shellcheck disable=SC2086  # FLAGS is a list of words
curation score "$PROJECT" --model "$MODEL" --plan $FLAGS
# shellcheck disable=SC2086
/usr/bin/env time --version >/dev/null 2>&1 && timer=(/usr/bin/env time -f "score: %e s, peak memory %M KB") || timer=()
# shellcheck disable=SC2086
"${timer[@]}" "$PYTHON" -m curation.cli score "$PROJECT" --model "$MODEL" $FLAGS
curation map "$PROJECT"

for order in DESC ASC; do
    echo "-- the ten traces with the $([ $order = DESC ] && echo most || echo least) helpful influence on gold --"
    curation sql "$PROJECT" "SELECT row_number() OVER (ORDER BY value $order) AS rank, trace_id, value, standard_error,
        replace(left(prompt, 70), chr(10), ' ') AS problem FROM scores JOIN traces USING (trace_id)
        WHERE name = 'influence/gold' ORDER BY value $order LIMIT 10"
done
worst=$(curation sql "$PROJECT" --json "SELECT trace_id FROM scores WHERE name = 'influence/gold' ORDER BY value LIMIT 3" \
    | "$PYTHON" -c 'import json, sys; print(*(row["trace_id"] for row in json.load(sys.stdin)))')
# shellcheck disable=SC2086
curation decide "$PROJECT" veto $worst --reason "least helpful" --actor make-real
curation select "$PROJECT" --recipe influence --keep 0.5 --name half
curation export "$PROJECT" --selection half --format messages -o "$PROJECT/exports/half.jsonl" --overwrite
curation verify "$PROJECT/exports/half.jsonl"
curation sql "$PROJECT" "SELECT run_id, model, dtype, timings, coverage, stability FROM run"
