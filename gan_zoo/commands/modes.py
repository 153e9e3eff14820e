"""How many modes of the data do samples cover? ``gan_zoo modes RUN|FOLDER|ZIP|NPZ``.

    gan_zoo modes runs/stacked                    26,000 samples, as VEEGAN and PacGAN take
    gan_zoo modes runs/stacked --samples=25600    as Metz et al. 2017
    gan_zoo modes pictures/ --data=stacked_mnist --data_dir=mnist.npz

The modes are the classes of the run's data: the 1,000 of --data=stacked_mnist, or the classes of
any data set with labels. A classifier is trained on the data, apart from the run, and kept in the
cache. It says the mode of each sample; of stacked_mnist it reads the three colors one by one. The
numbers are how many modes have a sample, and the reverse KL divergence (in nats) of the samples'
modes from equal shares. Beside them stand both numbers of as many real images, and how often the
classifier is right on real images that it has not seen. The results of a run are written to
modes.json in its folder.
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.commands.flags import checkpoint_of, define_subject_flags, subject_of
from gan_zoo.files import file_to_write, replacing, write_json

_SAMPLES = 26_000


def define_flags(values: flags.FlagValues) -> None:
    define_subject_flags(values)
    flags.DEFINE_integer(
        "samples", _SAMPLES, "how many; pictures may be fewer", 1, flag_values=values
    )
    flags.DEFINE_string(
        "out",
        "",
        "the .json to write; by default modes.json in the folder of a run",
        flag_values=values,
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    subject = subject_of(values, rest)
    step, best, ema = checkpoint_of(values)
    out = file_to_write(values.out, ".json") or (subject.run and subject.path / "modes.json")
    cli.load_tensorflow(values.verbose)
    from gan_zoo.analysis.modes import count_modes, mode_json, mode_lines

    found = count_modes(subject, samples=values.samples, step=step, best=best, ema=ema)
    for line in mode_lines(found):
        print(line)
    if out:
        again = replacing(out)
        write_json(out, mode_json(found))
        print(f"{out}: the results{again}")
