"""The options of `curation score`, by what they are about."""

from typing import Annotated

import typer

from curation.scoring.request import FURTHER, SCORES

# The model.
Adapter = Annotated[
    str, typer.Option(help="A PEFT adapter's folder or hub id; its layers are then attributed.")
]
Base = Annotated[str, typer.Option(help="The model it was fine-tuned from, for scores that compare with it.")]
Dtype = Annotated[
    str, typer.Option(help="auto (bfloat16 where the device computes in it), float32, bfloat16 or float64.")
]

# What is computed.
Scores = Annotated[
    str,
    typer.Option(help=f"all, or some of {','.join(SCORES)}; only where they are named: {','.join(FURTHER)}."),
]
Modules = Annotated[
    str, typer.Option(help="Layers to attribute to: all, mlp, attention or a regular expression.")
]
Steps = Annotated[
    str,
    typer.Option(
        help="Split influence over the steps of all traces, of none, or of so many of the most and of the least "
        "helpful ones of each group. Only a number keeps the values of single tokens too."
    ),
]
MaxTokens = Annotated[
    int, typer.Option(min=0, help="Longer traces are left unscored; 0: as many as the model takes.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Say what it would take, and compute nothing.")]

# The queries' gradients under the curvature.
Damping = Annotated[float, typer.Option(help="In units of each layer's mean eigenvalue.")]
Tolerance = Annotated[
    float, typer.Option(help="Relative error that the low rank of the queries may make; 0: whole.")
]
Rank = Annotated[int, typer.Option(min=1, help="Directions a side of a layer, in the mean, at most.")]
Solver = Annotated[
    str, typer.Option(help="ekfac, or astra: refine the groups' directions on the Gauss-Newton matrix.")
]

# The curvature.
FactorTraces = Annotated[int, typer.Option(min=2, help="Traces on which the curvature is fitted, at most.")]
CovarianceTraces = Annotated[
    int,
    typer.Option(min=2, help="Traces on which its eigenvectors are fitted; more where they are short."),
]
Stability = Annotated[
    float, typer.Option(help="The sample stops growing at this predicted reliability; 1: all of it.")
]
FactorBlock = Annotated[
    int, typer.Option(min=0, help="Width of the diagonal blocks of wider covariances; 0: whole.")
]
Labels = Annotated[str, typer.Option(help="Of the curvature: sampled from the model, or the data's own.")]
Seed = Annotated[int, typer.Option(help="Of the factor sample and its labels, and of tuning.")]

# Scores with passes of their own.
Projection = Annotated[
    int, typer.Option(help="Numbers that less and outlier keep of a gradient; a power of 2.")
]
Contamination = Annotated[float, typer.Option(help="Share of the traces that outlier flags as unusual.")]
SegmentPoints = Annotated[
    int,
    typer.Option(
        min=1, help="Points of the integrated gradients of segments, a forward and backward pass each."
    ),
]
TuneEpochs = Annotated[float, typer.Option(help="Passes over a group's queries, for lossdiff and irm.")]
TuneLearningRate = Annotated[float, typer.Option(min=0, help="Of these; 0: what train takes.")]
IrmBeta = Annotated[float, typer.Option(help="DPO's beta, for irm.")]

# Memory.
TokenBudget = Annotated[int, typer.Option(min=0, help="Tokens a batch; 0: as many as are worth it and fit.")]
MemoryGb = Annotated[
    float, typer.Option(min=0, help="Memory to take beside the model, in GB; 0: what is free.")
]
