"""The command that scores."""

from curation.commands import score_options as option
from curation.commands.options import DeviceOption, ModelOption
from curation.commands.output import JsonOption, ProjectArgument, answer, answer_run, progress_bar, wrong_use
from curation.scoring.request import OF_CONCEPTS, ScoreRequest, parse_scores
from curation.store.project import Project, open_project


def score(
    project: ProjectArgument,
    model: ModelOption,
    adapter: option.Adapter = "",
    base: option.Base = "",
    scores: option.Scores = "all",
    device: DeviceOption = "auto",
    dtype: option.Dtype = "auto",
    modules: option.Modules = "all",
    steps: option.Steps = "10",
    damping: option.Damping = 0.1,
    tolerance: option.Tolerance = 0.1,
    rank: option.Rank = 64,
    solver: option.Solver = "ekfac",
    factor_traces: option.FactorTraces = 256,
    covariance_traces: option.CovarianceTraces = 16,
    stability: option.Stability = 0.5,
    factor_block: option.FactorBlock = 0,
    labels: option.Labels = "sampled",
    projection: option.Projection = 8192,
    contamination: option.Contamination = 0.3,
    segment_points: option.SegmentPoints = 20,
    max_tokens: option.MaxTokens = 0,
    token_budget: option.TokenBudget = 0,
    memory_gb: option.MemoryGb = 0.0,
    seed: option.Seed = 0,
    tune_epochs: option.TuneEpochs = 1.0,
    tune_learning_rate: option.TuneLearningRate = 0.0,
    irm_beta: option.IrmBeta = 0.1,
    plan: option.Plan = False,
    as_json: JsonOption = False,
) -> None:
    """Score every trace with a model; stopped, the same command continues."""
    opened = open_project(project)
    with wrong_use():
        request = ScoreRequest(
            model=model,
            adapter=adapter,
            base=base,
            scores=parse_scores(scores),
            steps=steps,
            dtype=dtype,
            device=device,
            modules=modules,
            damping=damping,
            tolerance=tolerance,
            rank=rank,
            solver=solver,
            factor_traces=factor_traces,
            covariance_traces=covariance_traces,
            stability=stability,
            factor_block=factor_block,
            labels=labels,
            projection=projection,
            contamination=contamination,
            segment_points=segment_points,
            max_tokens=max_tokens,
            token_budget=token_budget,
            memory_gb=memory_gb,
            seed=seed,
            tune_epochs=tune_epochs,
            tune_learning_rate=tune_learning_rate,
            irm_beta=irm_beta,
        )
    if plan:
        _plan(opened, request, as_json)
    else:
        _score(opened, request, as_json)


def _plan(project: Project, request: ScoreRequest, as_json: bool) -> None:
    from curation.scoring.plan import plan_run

    planned = plan_run(project, request)
    answer(planned.as_dict(), planned.text(), as_json)


def _score(project: Project, request: ScoreRequest, as_json: bool) -> None:
    from curation.scoring.score import score as score_project

    with progress_bar() as tell:
        done = score_project(project, request, on_progress=tell)
    agreed = _concept_agreement(project, done.run_id) if OF_CONCEPTS & set(request.scores) else []
    answer_run(done.run_id, done.already_there, [*done.notes, *agreed], as_json)


def _concept_agreement(project: Project, run_id: str) -> list[str]:
    """How far the scores of each concept agree, in sentences."""
    from curation.selection.concepts import agreement_words, concepts_of_run
    from curation.store.catalogue import open_catalogue

    catalogue = open_catalogue(project)
    try:
        return [words for one in concepts_of_run(catalogue, run_id) if (words := agreement_words(one))]
    finally:
        catalogue.close()
