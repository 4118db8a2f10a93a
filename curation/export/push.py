"""Pushing a finished export to the Hugging Face hub: verified first, then all of it in one commit."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation.errors import ExportError, PushError
from curation.export.card import card_path
from curation.export.manifest import manifest_path, read_manifest
from curation.export.verify import verify
from curation.store.project import Project

if TYPE_CHECKING:  # Its import takes a third of a second, which other commands need not wait for.
    from huggingface_hub import HfApi

CARD = "README.md"  # Under this name the hub shows a card.
ANSWER_SECONDS = 30
_NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_]([A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Pushed:
    """What was pushed, and where it is now.

    Attributes:
        repo: Owner and name of the dataset.
        url: Its address.
        commit: Address of the commit that holds the files.
        private: Whether only its owner sees it.
        rows: Traces in the export.
        files: Names on the hub.
    """

    repo: str
    url: str
    commit: str
    private: bool
    rows: int
    files: list[str]


def push(path: Path, repo: str, *, private: bool = True, project: Project | None = None) -> Pushed:
    """Verify an export, then put it, its manifest and its card into a dataset on the hub, in one commit.

    The dataset is made if it is not there. One that is there keeps what else it holds. The token is the one
    that the environment has.

    Args:
        path: The export, or its manifest.
        repo: The dataset, as "owner/name".
        private: Whether only its owner may see it.
        project: Where the project is now; where the manifest says if None.

    Raises:
        ExportError: The export is missing, incomplete or does not verify.
        PushError: The name is not valid, there is no token, the dataset is there with other visibility, or the hub
            refuses or cannot be reached.
    """
    check_repo(repo)
    token = hub_token()
    path = Path(path)
    path = path.with_name(path.name.removesuffix(".manifest.json"))
    files = _files(path)
    if failed := [check.detail for check in verify(path, project).checks if not check.ok]:
        raise ExportError(f"Nothing was pushed, since {path} does not verify: {failed[0]}")
    rows = read_manifest(manifest_path(path)).rows

    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub_address(), token=token)
    try:
        _make_repository(api, repo, private)
        commit = _commit(api, repo, files, f"Export {path.name}: {rows:,} traces")
    except PushError:
        raise
    except Exception as error:  # The client lets through whatever its transports and parsers raise.
        raise PushError(_why(error, repo)) from error
    return Pushed(repo, dataset_url(repo), commit, private, rows, list(files))


def check_repo(repo: str) -> None:
    """Refuse what the hub would not take as the name of a dataset.

    Raises:
        PushError: It is no "owner/name".
    """
    parts = repo.split("/")
    if len(parts) != 2 or not all(map(_NAME.fullmatch, parts)) or repo.endswith(".git"):
        raise PushError(
            f"{repo!r} is no name of a dataset; use OWNER/NAME, each of letters, digits, '-', '_' and '.', with a "
            "letter or digit at both ends."
        )


def hub_token() -> str:
    """The token to push with: HF_TOKEN, or the one that `hf auth login` left. It must never be shown.

    Raises:
        PushError: There is none.
    """
    from huggingface_hub import get_token

    try:
        token = get_token()
    except Exception as error:
        raise PushError("The token for the hub cannot be read; set HF_TOKEN to one.") from error
    if not token:
        raise PushError("There is no token for the hub; set HF_TOKEN to one with write access.")
    if not re.fullmatch(r"[!-~]+", token):  # An HTTP client would quote it whole in its complaint.
        raise PushError("The token for the hub has a character that none can have; set HF_TOKEN again.")
    return token


def hub_address() -> str:
    """Where the hub is: HF_ENDPOINT as it is now, huggingface.co if that is not set."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def dataset_url(repo: str) -> str:
    """The address of a dataset on the hub."""
    return f"{hub_address()}/datasets/{repo}"


def _files(path: Path) -> dict[str, Path]:
    """Name on the hub -> file, of all that belongs to an export."""
    if path.name == CARD:
        raise ExportError(f"On the hub {CARD} is the card's name; export to another name.")
    if not card_path(path).is_file():
        raise ExportError(f"{card_path(path)}, the card of the export, is missing; export again.")
    return {path.name: path, manifest_path(path).name: manifest_path(path), CARD: card_path(path)}


def _make_repository(api: "HfApi", repo: str, private: bool) -> None:
    """Make the dataset, or accept one that is there and as visible as asked: the hub would leave it as it is."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        there = api.dataset_info(repo, timeout=ANSWER_SECONDS)
    except RepositoryNotFoundError:
        api.create_repo(repo, repo_type="dataset", private=private)
        return
    if bool(there.private) != private:
        is_now, asked = ("private", "public") if there.private else ("public", "private")
        raise PushError(
            f"Nothing was pushed, since {repo} is there already and is {is_now}, not {asked}; change that on the hub, "
            "or use another name."
        )


def _commit(api: "HfApi", repo: str, files: dict[str, Path], message: str) -> str:
    """One commit with all files; its address, once the hub says that it holds them all."""
    from huggingface_hub import CommitOperationAdd
    from huggingface_hub.hf_api import RepoFile

    added = [CommitOperationAdd(name, file) for name, file in files.items()]
    done = api.create_commit(repo, added, commit_message=message, repo_type="dataset")
    found = api.get_paths_info(repo, list(files), repo_type="dataset", revision=done.oid)
    sizes = {file.path: file.size for file in found if isinstance(file, RepoFile)}
    for name, file in files.items():  # The hub drops in silence what a .gitignore of the dataset names.
        if sizes.get(name) != file.stat().st_size:
            raise PushError(
                f"{name} did not arrive in {repo}; look at its .gitignore on the hub, or use another dataset."
            )
    return str(done.commit_url)


def _why(error: Exception, repo: str) -> str:
    """What went wrong on the hub, as a sentence; never with anything of the request, which holds the token."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    hub = hub_address()
    if isinstance(error, OfflineModeIsEnabled):
        return "Nothing was pushed, since HF_HUB_OFFLINE is set; unset it and push again."
    if isinstance(error, ValueError) and isinstance(error.__cause__, HfHubHTTPError):
        return f"{hub} does not accept the card ({_one_line(error)}); correct its first lines and push again."
    if not isinstance(error, HfHubHTTPError):
        return (
            f"The push of {repo} to {hub} failed ({_one_line(error)}); check the network and HF_ENDPOINT, then "
            "push again."
        )
    status = error.response.status_code
    if status == 401:
        return f"{hub} does not accept the token (401); set HF_TOKEN to one with write access."
    if status == 403:
        owner = repo.split("/")[0]
        return f"The token may not write {repo} on {hub} (403); use one with write access to {owner}, or another name."
    return f"{hub} refused the push of {repo} ({status}, {_one_line(error)}); put that right, or push again later."


def _one_line(error: Exception) -> str:
    """What an error says, or the server through it."""
    said = getattr(error, "server_message", None) or str(error) or type(error).__name__
    return " ".join(said.split())[:300]
