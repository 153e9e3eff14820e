"""The places that settings name, looked at before anything slow begins. No TensorFlow here."""

from __future__ import annotations

from gan_zoo import registry
from gan_zoo.config import Config, split_checkpoint
from gan_zoo.datasets.reading import takes_data_dir
from gan_zoo.datasets.sources import require_path
from gan_zoo.errors import UserError
from gan_zoo.files import require_writable, user_path
from gan_zoo.runs.run import Run


def require_places(config: Config) -> None:
    """Check that what a run reads is there, and that its directory can be written; make nothing.

    Raises:
        UserError: The data, the extractor's file or the run of ``--from`` do not exist, or nothing
            can be written to the run directory.
    """
    require_data(config)
    if config.eval_every:
        require_extractor(config)
    run = Run(config.run_dir)
    if config.start_from and not run.exists:  # a run that began has its first weights
        folder, _ = split_checkpoint(config.start_from)
        if folder.resolve() != run.folder.resolve():  # which is refused later, with advice
            try:
                _ = Run(folder).record
            except UserError as e:
                raise UserError(f"--from: {e}") from None
    refuse_other_files(run)
    require_writable(run.folder, f"the run directory {run.folder}")


def require_data(config: Config) -> None:
    """Check that ``--data_dir`` exists, if the data are read from it.

    Raises:
        UserError: It does not.
    """
    if config.data_dir and takes_data_dir(config.spec("data")):
        require_path(user_path(config.data_dir))


def require_extractor(config: Config) -> None:
    """Check that the file or folder exists that ``--extractor`` names, if it names one.

    Raises:
        UserError: It does not.
    """
    try:
        registry.extractors.require_places(config.spec("extractor"))
    except UserError as e:
        raise UserError(f"--extractor: {e}") from None


def refuse_other_files(run: Run) -> None:
    """Check that the folder of a run is one, or holds nothing.

    Raises:
        UserError: It holds files but no run, or is no folder, or cannot be read.
    """
    folder = run.folder
    try:
        # What begins with a dot is our lock, or what a kill left of a file being written.
        others = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
    except FileNotFoundError:
        return
    except OSError as e:
        raise UserError(
            f"the run directory {folder} cannot be made ({e.strerror}); choose another --workdir."
        ) from None
    if others and not run.exists:
        raise UserError(
            f"{folder} holds files ({others[0]} ...) but no run of gan_zoo; choose an empty or"
            " new folder as --workdir."
        )
