"""What the names that papers and other programs use are called here. No TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Container

# The penalty needs a D without batch norm, and the default one has it.
_WGAN_GP = "--loss=wasserstein --tricks=gradient_penalty --disc='dcgan(norm=\"none\")'"
_WHOLE_WGAN_GP = f"{_WGAN_GP}; --config=wgan_gp64 has all of the paper's settings"
# The optimizer is half of it: see gan_zoo.optimizers.rmsprop.
_WGAN = (
    "--loss=wasserstein --tricks=clip_weights --gen_opt=rmsprop --disc_opt=rmsprop"
    " --update='alternating(5)'"
)

# Names as normalized below, and the flags that mean the same here; behind a semicolon, more.
_HERE = {
    "acgan": "--condition=auxiliary",
    "auxiliaryclassifier": "--condition=auxiliary",
    "bce": "--loss=non_saturating",
    "binarycrossentropy": "--loss=non_saturating",
    "celebahq": "--data=celeba",
    "cgan": "--condition=projection",
    "conditional": "--condition=projection",
    "dcgan": "--gen=dcgan --disc=dcgan",
    "diffaug": "--tricks=diff_augment",
    "differentiableaugmentation": "--tricks=diff_augment",
    "fastgan": "--gen=lightweight --disc=lightweight",
    "gan": "--loss=non_saturating",
    "gaussian": "--noise=normal",
    "geometric": "--loss=hinge",
    "gp": "--tricks=gradient_penalty",
    "hinge": "--loss=hinge",
    "hingegan": "--loss=hinge",
    "instancenoise": "--tricks=instance_noise",
    "labelsmoothing": "--tricks=label_smooth",
    "logistic": "--loss=non_saturating",
    "ls": "--loss=least_squares",
    "lsgan": "--loss=least_squares",
    "mbstd": "--disc='dcgan(minibatch_std=True)'",
    "minibatchstd": "--disc='dcgan(minibatch_std=True)'",
    "minimaxgan": "--loss=minimax",
    "mse": "--loss=least_squares",
    "nonsaturatinggan": "--loss=non_saturating",
    "ns": "--loss=non_saturating",
    "nsgan": "--loss=non_saturating",
    "onesidedlabelsmoothing": "--tricks=label_smooth",
    "patchgan": "--disc=patch",
    "pathlengthregularization": "--tricks=path_length",
    "ppl": "--tricks=path_length",
    "r1regularization": "--tricks=r1",
    "ra": "--loss=relativistic_average",
    "ragan": "--loss=relativistic_average",
    "rasgan": "--loss=relativistic_average",
    "relativistic": "--loss=relativistic_average",
    "rpgan": "--loss=relativistic_pairing",
    "rsgan": "--loss=relativistic_pairing",
    "sagan": "--config=sagan64",
    "selfattention": "--gen=sagan --disc=sagan",
    "sn": "--tricks=spectral_norm",
    "sngan": "--loss=hinge --tricks=spectral_norm; --config=sngan32 has all of its settings",
    "softplus": "--loss=non_saturating",
    "spectralnormalization": "--tricks=spectral_norm",
    "standard": "--loss=non_saturating",
    "stylegan": "--gen=stylegan2 --disc=stylegan2",
    "stylegan2ada": "--gen=stylegan2 --disc=stylegan2 --tricks=ada",
    "ttur": "--gen_opt='adam(1e-4, beta_1=0.5)' --disc_opt='adam(4e-4, beta_1=0.5)'",
    "unet": "--gen=unet_noise",
    "vanilla": "--loss=non_saturating",
    "w": _WGAN_GP,
    "wasserstein1": _WGAN_GP,
    "wassersteingp": _WHOLE_WGAN_GP,
    "wgan": _WGAN,
    "wgangp": _WHOLE_WGAN_GP,
    "wganclipping": _WGAN,
    "weightclipping": "--tricks=clip_weights",
    "zerocenteredgradientpenalty": "--tricks=r1",
}
_TRANSLATION = "it turns one picture into another, and gan_zoo draws pictures from noise only"
_NEAREST = "it is not here; the nearest is --config=sagan64 with --condition=projection"
_GROWING = "it is not here; the nearest is --gen=stylegan2 --disc=stylegan2"
_OTHER = "it is not here, and nothing is near it"
_ABSENT = {
    "began": _OTHER, "biggan": _NEAREST, "bigbigan": _NEAREST, "cyclegan": _TRANSLATION,
    "ddpm": _OTHER, "diffusion": _OTHER, "ebgan": _OTHER, "esrgan": _TRANSLATION,
    "infogan": _OTHER, "munit": _TRANSLATION, "pggan": _GROWING, "pix2pix": _TRANSLATION,
    "pix2pixhd": _TRANSLATION, "proggan": _GROWING, "progan": _GROWING,
    "progressivegrowing": _GROWING, "srgan": _TRANSLATION, "stargan": _TRANSLATION,
    "styleganxl": _GROWING, "stylegan3": _GROWING, "unit": _TRANSLATION, "vae": _OTHER,
    "vaegan": _OTHER,
}  # fmt: skip
# Flags of other programs, normalized, without num, n and max before the name.
_RATES = "--gen_opt='adam(1e-3)' --disc_opt='adam(1e-3)', each with its rate"
_MOMENTA = "--gen_opt='adam(beta_1=0.5, beta_2=0.999)' and the same for --disc_opt"
_PASSES = "--passes=5 for passes over the pictures, or --steps"
_STEPS, _BATCH, _SIDE = "--steps=10000", "--batch=32", "--image_size=64"
_LATENT, _FOLDER = "--gen='dcgan(latent=100)'", "--workdir=FOLDER"
_PICTURES = "--data_dir=FOLDER for pictures of your own, or --data=cifar10 and the like"
_FLAGS = {
    "b1": _MOMENTA, "b2": _MOMENTA, "beta1": _MOMENTA, "beta2": _MOMENTA, "betas": _MOMENTA,
    "batchsize": _BATCH, "batchsizepergpu": _BATCH, "bs": _BATCH, "minibatchsize": _BATCH,
    "checkpointdir": _FOLDER, "ckptdir": _FOLDER, "logdir": _FOLDER, "modeldir": _FOLDER,
    "out": _FOLDER, "outdir": _FOLDER, "outf": _FOLDER, "outpath": _FOLDER, "output": _FOLDER,
    "outputdir": _FOLDER, "resultdir": _FOLDER, "resultsdir": _FOLDER, "savedir": _FOLDER,
    "savepath": _FOLDER,
    "cropsize": _SIDE, "imagesize": _SIDE, "imgsize": _SIDE, "imsize": _SIDE, "res": _SIDE,
    "resolution": _SIDE, "size": _SIDE,
    "datafolder": _PICTURES, "datapath": _PICTURES, "dataroot": _PICTURES, "dataset": _PICTURES,
    "datasetdir": _PICTURES, "datasetpath": _PICTURES, "imagedir": _PICTURES,
    "traindir": _PICTURES,
    "dlr": "--disc_opt='adam(1e-3)'", "lrd": "--disc_opt='adam(1e-3)'",
    "glr": "--gen_opt='adam(1e-3)'", "lrg": "--gen_opt='adam(1e-3)'",
    "epoch": _PASSES, "epochs": _PASSES,
    "imagechannels": "--channels=3", "imgchannels": "--channels=3", "nc": "--channels=3",
    "iter": _STEPS, "iteration": _STEPS, "iterations": _STEPS, "iters": _STEPS, "step": _STEPS,
    "steps": _STEPS, "totalsteps": _STEPS, "trainsteps": _STEPS,
    "latentdim": _LATENT, "latentsize": _LATENT, "noisedim": _LATENT, "noisesize": _LATENT,
    "nz": _LATENT, "zdim": _LATENT,
    "learningrate": _RATES, "lr": _RATES, "rate": _RATES,
    "manualseed": "--seed=1", "randomseed": "--seed=1",
    "ndf": "--disc='dcgan(width=64)'", "ngf": "--gen='dcgan(width=64)'",
    "ncritic": "--update='alternating(5)'",
}  # fmt: skip
_ENDINGS = ("loss", "penalty", "trick", "optimizer", "generator", "discriminator", "net")


def normalized(name: str) -> str:
    """Return a name in small letters, without hyphens, blanks and the like."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def meaning(name: str, known: dict[str, str]) -> str:
    """Return what a name of a paper, or in another spelling, is here: flags, or a sentence.

    Args:
        name: Such as ``wgan-gp``.
        known: The flag of each part there is, such as ``--loss=hinge``, by the part's name.

    Returns:
        ``write --loss=hinge``, say; "" where nothing is known.
    """
    spelled = {normalized(part): flag for part, flag in known.items()}
    whole = normalized(name)
    shorter = [whole.removesuffix(end) for end in _ENDINGS if whole.endswith(end)]
    for word in (whole, *shorter):
        if flags := spelled.get(word) or _HERE.get(word):
            return f"write {flags}"
        if word in _ABSENT:
            return _ABSENT[word]
    return ""


def flag_meaning(name: str, known: Container[str]) -> str:
    """Return what a flag of another program is here.

    Args:
        name: Such as ``lr`` or ``n_epochs``, without the hyphens.
        known: The flags that the command has.

    Returns:
        ``write --batch=32``, say; "" where nothing is known, or the command has no such flag.
    """
    whole = normalized(name)
    shorter = [whole.removeprefix(start) for start in ("num", "n", "max")]
    text = next((_FLAGS[word] for word in (whole, *shorter) if word in _FLAGS), "")
    flags = re.findall(r"--([a-z_]+)", text)
    return f"write {text}" if flags and all(flag in known for flag in flags) else ""
