"""Names of papers and other spellings are answered with what they are called here."""

import shlex

import pytest
from absl import flags

from gan_zoo import cli, config, paper_names
from gan_zoo.errors import UserError
from gan_zoo.spec import odd_name

WGAN_GP = "write --loss=wasserstein --tricks=gradient_penalty --disc='dcgan(norm=\"none\")'; --config=wgan_gp64 has all"


def parse(*words):
    values = flags.FlagValues()
    config.define_flags(values)
    values(["x", *words])
    return config.from_flags(values)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--loss=wgan-gp", WGAN_GP),
        ("--loss=wgan_gp", WGAN_GP),
        ("--loss=WGAN-GP", WGAN_GP),
        ("--loss=wgan-gp(10)", WGAN_GP),
        ("--loss=wgan", "--gen_opt=rmsprop --disc_opt=rmsprop --update='alternating(5)'."),
        ("--loss=lsgan", "write --loss=least_squares."),
        ("--loss=hinge-loss", "write hinge."),
        ("--loss=Hinge", "write hinge."),
        ("--gen=SNGAN", "write --loss=hinge --tricks=spectral_norm; --config=sngan32 has all"),
        ("--gen=biggan", "the nearest is --config=sagan64 with --condition=projection."),
        ("--gen=stylegan", "write --gen=stylegan2 --disc=stylegan2."),
        ("--gen=pix2pix", "draws pictures from noise only."),
        ("--data=CIFAR-10", "write cifar10."),
        ("--disc=hinge", "write --loss=hinge."),
        ("--tricks=ada, spectral-norm", "write spectral_norm."),
        ("--tricks=diff_augment('a-b'), Lecam(0.1)", "write lecam."),
        ("--loss=zzz-zzz", "there is no loss 'zzz-zzz'; there are: hinge,"),
        ("--gen=dcgn", "did you mean dcgan"),
    ],
)
def test_names_of_papers_and_other_spellings(flag, said):
    with pytest.raises(UserError) as e:
        parse(flag)
    assert said in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--lr=0.001", "there is no flag --lr; write --gen_opt='adam(1e-3)' --disc_opt="),
        ("--learning-rate=1e-3", "write --gen_opt='adam(1e-3)' --disc_opt='adam(1e-3)'"),
        ("--epochs=5", "write --passes=5 for passes over the pictures, or --steps; --help"),
        ("--n_epochs=5", "write --passes=5"),
        ("--num_epochs=5", "write --passes=5"),
        ("--max_iters=5", "write --steps="),
        ("--batch_size=32", "write --batch=32"),
        ("--img_size=32", "write --image_size=64"),
        ("--nz=100", "write --gen='dcgan(latent=100)'"),
        ("--latent_dim=100", "write --gen='dcgan(latent=100)'"),
        ("--out_dir=x", "write --workdir=FOLDER"),
        ("--stepz=5", "; did you mean --steps?"),
        ("--zzzz=5", "Unknown command line flag 'zzzz'; --help lists the flags."),
    ],
)
def test_flags_of_other_programs(flag, said):
    with pytest.raises(UserError) as e:
        cli._parse(config.define_flags, [flag])
    assert said in str(e.value)


def test_no_flag_is_suggested_that_the_command_lacks():
    with pytest.raises(UserError, match=r"'lr'; --help lists the flags\."):
        cli._parse(lambda values: None, ["--lr=0.001"])


def test_flags_that_are_suggested_are_there():
    for name, words in paper_names._FLAGS.items():
        assert name == paper_names.normalized(name)
        flags = [word.rstrip(",") for word in shlex.split(words) if "=" in word]
        assert parse(*flags), name


def test_what_is_suggested_is_there():
    for name, words in paper_names._HERE.items():
        assert name == paper_names.normalized(name)
        flags, _, more = words.partition(";")
        assert parse(*shlex.split(flags)), name
        parse(*(word for word in more.split() if word.startswith("--")))
    for name, sentence in paper_names._ABSENT.items():
        assert name == paper_names.normalized(name) and name not in paper_names._HERE
        parse(*(word for word in sentence.split() if word.startswith("--")))


def test_what_is_suggested_for_wgan_gp_can_be_built():
    from gan_zoo.game.build import build_game

    build_game(parse(*shlex.split(paper_names._WGAN_GP)), (28, 28, 3))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dcgan(width=64), ada", ""),
        ("adam(1e-4, beta_1=0.5)", ""),
        ("hub('user/a-name')", ""),
        ("diff_augment(policy='a-b'), x-y(1)", "x-y"),
        ("two words", "two words"),
        ("dense((8, 16), 1)", ""),
        ("", ""),
    ],
)
def test_the_name_that_cannot_be_one_is_found(text, name):
    assert odd_name(text) == name
