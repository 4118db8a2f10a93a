"""Options that commands of several kinds share."""

from typing import Annotated

import typer

ModelOption = Annotated[str, typer.Option(help="A model folder, or a hub id.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
RunOption = Annotated[str | None, typer.Option(help="A run's id; the newest if not given.")]
